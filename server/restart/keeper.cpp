#include "restart/keeper.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <utility>

#include "base/text.hpp"

namespace vserd::restart {
namespace {

// Names have numbers, not port names, because systemd passes all names in one string of limited length.
constexpr std::string_view log_prefix = "log-";
constexpr std::string_view device_prefix = "device-";
constexpr std::string_view file_suffix = ".vserlog";

std::string log_name(unsigned number) { return fmt::format("{}{}", log_prefix, number); }
std::string device_name(unsigned number) { return fmt::format("{}{}", device_prefix, number); }

std::optional<unsigned> number_in(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    name.remove_prefix(prefix.size());
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return number;
}

/// Newer kernels may require a flag for memory that is never executed; older ones reject it.
base::Fd memory_file(const char* name) {
    constexpr unsigned no_exec_seal = 0x0008;
    const int fd = ::memfd_create(name, MFD_CLOEXEC | no_exec_seal);
    return base::Fd(fd < 0 && errno == EINVAL ? ::memfd_create(name, MFD_CLOEXEC) : fd);
}

bool is_at(const std::string& path, int fd) {
    struct stat here {};
    struct stat there {};
    return ::fstat(fd, &here) == 0 && ::stat(path.c_str(), &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

void add_warning(KeptPort& kept, const std::string& warning) {
    if (kept.warning.find(warning) != std::string::npos) return;  // the fd store and the directory have the same log
    kept.warning += fmt::format("{}{}", kept.warning.empty() ? "" : "; ", warning);
}

std::string not_resumed(const Error& why) { return fmt::format("the stored log {}; starting a new log", why.message); }

/// Opens a log's file and locks it for this process.
Result<base::Fd> locked_file(const std::string& path) {
    base::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) < 0) return errno_error("cannot be opened");
    if (!S_ISREG(status.st_mode)) return Error{Failure::io, 0, path, "is not a regular file"};
    if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0)
        return Error{Failure::refused, 0, path, "is in use by another vserd"};
    return file;
}

Result<log::LogStoreRef> not_clean() {
    return Error{Failure::io, 0, "log", "was not closed before the machine went down, and may be incomplete"};
}

/// The fd store may keep a duplicate for some time, which would keep the lock of a file in the state directory.
void unlock(int file) { ::flock(file, LOCK_UN); }

}  // namespace

bool Keeper::owns(std::string_view name) {
    return number_in(name, log_prefix).has_value() || number_in(name, device_prefix).has_value();
}

Keeper::Keeper(StateDirectory directory, std::optional<FdStore> fd_store, std::vector<StoredFd> stored)
    : directory_(std::move(directory)), fd_store_(std::move(fd_store)) {
    std::map<unsigned, Unclaimed> by_number;
    for (StoredFd& entry : stored) {
        if (const auto log = number_in(entry.name, log_prefix)) by_number[*log].log = std::move(entry.fd);
        if (const auto device = number_in(entry.name, device_prefix)) by_number[*device].device = std::move(entry.fd);
    }
    for (auto& [number, stored_port] : by_number) {
        stored_port.number = number;
        const auto label = log::LogStore::label_of(stored_port.log.get());
        if (label && !unclaimed_.contains(label->port)) {
            numbers_.insert(number);
            unclaimed_.emplace(label->port, std::move(stored_port));
        } else {
            const std::string why =
                label ? fmt::format("is a second log of port {}", label->port) : label.error().message.substr(0, 200);
            rejected_.push_back(fmt::format("the stored log {} {}", log_name(number), why));
            unlock(stored_port.log.get());
            remove_stored(number, true);
        }
    }
}

KeptPort Keeper::open(const port::PortConfig& config, std::size_t capacity_bytes) {
    const log::LogIdentity identity{config.name, config.device, capacity_bytes};
    KeptPort kept;
    Entry& entry = ports_[config.name] = {};
    kept.store = claim(identity, kept, entry);
    const bool stored_already = static_cast<bool>(kept.store);
    if (!kept.store && directory_) kept.store = open_file(identity, kept, entry);
    if (!kept.store && fd_store_) kept.store = make_memory_file(identity, kept);
    if (!entry.path.empty()) kept.store->set_owner(directory_.owner());
    if (kept.store) store_log(entry, *kept.store, stored_already);
    return kept;
}

log::LogStoreRef Keeper::claim(const log::LogIdentity& identity, KeptPort& kept, Entry& entry) {
    auto node = unclaimed_.extract(identity.port);
    if (node.empty()) return nullptr;
    Unclaimed& stored = node.mapped();
    auto store = log::LogStore::open(base::Fd(::fcntl(stored.log.get(), F_DUPFD_CLOEXEC, 0)), identity);
    if (!store) {
        unlock(stored.log.get());
        add_warning(kept, not_resumed(store.error()));
        const auto label = log::LogStore::label_of(stored.log.get());
        if (fd_store_ && stored.device && label && label->is_of(identity.device)) {
            fd_store_->remove(log_name(stored.number));
            entry = {stored.number, true, {}};
            kept.device = std::move(stored.device);
        } else {
            remove_stored(stored.number, static_cast<bool>(stored.device));
        }
        return nullptr;
    }
    if (fd_store_) entry = {stored.number, static_cast<bool>(stored.device), {}};
    kept.resumed = true;
    kept.device = std::move(stored.device);
    return directory_ ? in_directory(identity, *store, kept, entry) : *store;
}

/// Copies a log from the fd store into the state directory, unless it is there already. It is not if `state_dir` is new, or
/// its content was moved or deleted.
log::LogStoreRef Keeper::in_directory(const log::LogIdentity& identity, log::LogStoreRef store, KeptPort& kept,
                                      Entry& entry) {
    const std::string path = where().file_of(identity.port);
    if (is_at(path, store->file())) {
        entry.path = path;
        return store;
    }
    const auto unkept = [&](const std::string& why) {
        add_warning(kept, fmt::format("only the service manager keeps the log: state_dir: {}", why));
        return store;
    };
    if (!directory_.problem().empty()) return unkept(directory_.problem());
    auto file = locked_file(path);
    if (!file) return unkept(fmt::format("{} {}", path, file.error().message));
    auto copy = store->copied_to(std::move(*file), identity);
    if (!copy) {
        ::unlink(path.c_str());  // releases its disk space
        return unkept(fmt::format("{} {}", path, copy.error().message));
    }
    entry.path = path;
    unlock(store->file());
    if (entry.number) {
        fd_store_->remove(log_name(*entry.number));
        fd_store_->put(log_name(*entry.number), (*copy)->file());
    }
    return *copy;
}

std::string Keeper::Directory::file_of(const std::string& port) const {
    return fmt::format("{}/{}{}", path, port, file_suffix);
}

std::function<FiledLog()> Keeper::file_opener(const log::LogIdentity& identity) const {
    if (!directory_) return nullptr;
    return [directory = where(), identity] { return directory.open(identity); };
}

log::LogStoreRef Keeper::open_file(const log::LogIdentity& identity, KeptPort& kept, Entry& entry) {
    auto node = prepared_.extract(identity.port);
    FiledLog filed = node.empty() ? where().open(identity) : std::move(node.mapped());
    entry.path = std::move(filed.path);
    kept.resumed = filed.kept.resumed;
    if (!filed.kept.warning.empty()) add_warning(kept, filed.kept.warning);
    return std::move(filed.kept.store);
}

/// Creates a new log if the existing one does not match.
FiledLog Keeper::Directory::open(const log::LogIdentity& identity) const {
    const std::string file_path = file_of(identity.port);
    FiledLog log;
    const auto unkept = [&](const std::string& why) {
        add_warning(log.kept, fmt::format("the log is not kept: state_dir: {}", why));
        log.path.clear();
        return std::move(log);
    };
    if (!problem.empty()) return unkept(problem);
    for (const bool anew : {false, true}) {
        auto file = locked_file(file_path);
        if (!file) return unkept(fmt::format("{} {}", file_path, file.error().message));
        log.path = file_path;
        if (anew || ::lseek(file->get(), 0, SEEK_END) == 0) {
            auto store = log::LogStore::create(std::move(*file), identity, /*reserve=*/true);
            if (!store) {
                ::unlink(file_path.c_str());  // releases its disk space
                return unkept(fmt::format("{} {}", file_path, store.error().message));
            }
            log.kept.store = std::move(*store);
            return log;
        }
        auto store = clean ? log::LogStore::open(std::move(*file), identity) : not_clean();
        log.kept.resumed = store.has_value();
        if (store) {
            log.kept.store = std::move(*store);
            return log;
        }
        add_warning(log.kept, not_resumed(store.error()));
    }
    return log;
}

log::LogStoreRef Keeper::make_memory_file(const log::LogIdentity& identity, KeptPort& kept) const {
    base::Fd file = memory_file(identity.port.c_str());
    auto store = file ? log::LogStore::create(std::move(file), identity, /*reserve=*/false)
                      : Result<log::LogStoreRef>(errno_error("cannot be created"));
    if (store) return *store;
    add_warning(kept, fmt::format("the log is not kept: its memory file {}", store.error().message));
    return nullptr;
}

/// Puts the log into the fd store. Keeps a file of the state directory open, for its lock, and closes a memory file.
void Keeper::store_log(Entry& entry, log::LogStore& store, bool stored_already) {
    if (fd_store_ && !stored_already) {
        if (!entry.number) {  // otherwise the device of the port has one already
            unsigned number = 0;
            while (numbers_.contains(number)) ++number;
            numbers_.insert(number);
            entry.number = number;
        }
        fd_store_->put(log_name(*entry.number), store.file());
    }
    if (entry.path.empty()) store.close_file();
}

void Keeper::device_opened(const std::string& port, int fd) {
    device_lost(port);
    const auto entry = ports_.find(port);
    if (entry == ports_.end() || !entry->second.number) return;
    entry->second.device = true;
    fd_store_->put(device_name(*entry->second.number), fd);
}

void Keeper::device_lost(const std::string& port) {
    const auto entry = ports_.find(port);
    if (entry == ports_.end() || !std::exchange(entry->second.device, false)) return;
    fd_store_->remove(device_name(*entry->second.number));
}

bool Keeper::keeps_device(const std::string& port) const {
    const auto entry = ports_.find(port);
    return entry != ports_.end() && entry->second.device;
}

void Keeper::drop(const std::string& port) {
    const auto node = ports_.extract(port);
    if (node.empty()) return;
    if (node.mapped().number) remove_stored(*node.mapped().number, node.mapped().device);
    remove_file(node.mapped().path);
}

std::string Keeper::release_file(const std::string& port) {
    const auto entry = ports_.find(port);
    return entry == ports_.end() ? std::string{} : std::exchange(entry->second.path, {});
}

void Keeper::remove_file(const std::string& path) {
    if (path.empty()) return;
    if (remover_) return remover_(path);
    ::unlink(path.c_str());
}

void Keeper::remove_stored(unsigned number, bool device) {
    numbers_.erase(number);
    if (!fd_store_) return;
    fd_store_->remove(log_name(number));
    if (device) fd_store_->remove(device_name(number));
}

std::vector<std::string> Keeper::drop_unclaimed() {
    std::vector<std::string> dropped = std::exchange(rejected_, {});
    for (auto& [port, stored] : std::exchange(unclaimed_, {})) {
        dropped.push_back(fmt::format("discarded the stored log of port {}, which is no longer configured", port));
        unlock(stored.log.get());
        remove_stored(stored.number, static_cast<bool>(stored.device));
    }
    if (directory_ && directory_.problem().empty()) drop_files(dropped);
    return dropped;
}

/// Removes only the files of this configuration, because another one may have used the directory before. After an unclean
/// shutdown it removes all of them: they cannot be resumed.
void Keeper::drop_files(std::vector<std::string>& dropped) {
    std::error_code ignored;
    // Not a range-for, which throws when the disk fails.
    for (std::filesystem::directory_iterator entry(directory_.path(), ignored), end; entry != end;
         entry.increment(ignored)) {
        const auto& file = *entry;
        const std::string name = file.path().filename();
        if (!name.ends_with(file_suffix) || ports_.contains(name.substr(0, name.size() - file_suffix.size()))) continue;
        const base::Fd used(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!used || ::flock(used.get(), LOCK_EX | LOCK_NB) < 0) continue;  // another vserd uses it
        const auto label = log::LogStore::label_of(used.get());
        const bool ours = label && label->owner == directory_.owner();
        const bool removed = (ours || !directory_.is_clean()) && ::unlink(file.path().c_str()) == 0;
        const std::string path = base::printable_text(file.path().native());
        dropped.push_back(
            removed ? fmt::format("removed {}, which belongs to no configured port", path)
                    : fmt::format("{} belongs to another configuration; remove it if it is not needed", path));
    }
    if (const auto clean = directory_.set_clean(); !clean)
        dropped.push_back(fmt::format("state_dir: {}", clean.error().message));
}

}  // namespace vserd::restart
