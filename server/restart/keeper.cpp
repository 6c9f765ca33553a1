#include "restart/keeper.hpp"

#include <fcntl.h>
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

// Numbers, not the ports' names: systemd passes all names in one string, which has an end.
constexpr std::string_view log_prefix = "log-";
constexpr std::string_view device_prefix = "device-";
constexpr std::string_view file_suffix = ".vserlog";

std::string log_name(unsigned number) { return std::string(log_prefix) + std::to_string(number); }
std::string device_name(unsigned number) { return std::string(device_prefix) + std::to_string(number); }

std::optional<unsigned> number_in(std::string_view name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    name.remove_prefix(prefix.size());
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return number;
}

/// Newer kernels ask to say that nothing in it is ever executed, and may insist; older ones do not know that.
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

void complain(KeptPort& kept, const std::string& what) {
    if (kept.complaint.find(what) != std::string::npos) return;  // systemd's log and the folder's are the same one
    kept.complaint += (kept.complaint.empty() ? "" : "; ") + what;
}

/// A log's file in the folder, from now on ours alone.
Result<base::Fd> locked_file(const std::string& path) {
    base::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) < 0) return errno_error("cannot be opened");
    if (!S_ISREG(status.st_mode)) return Error{Failure::io, 0, path, "is no file"};
    if (::flock(file.get(), LOCK_EX | LOCK_NB) < 0)
        return Error{Failure::refused, 0, path, "is in use by another vserd"};
    return file;
}

Result<log::LogStoreRef> not_whole() {
    return Error{
        Failure::io, 0, "log",
        "was left by a machine that went down without a stop, and what of it had reached the disk is not known"};
}

/// The fd store may hold a duplicate for a while yet, and with it the lock on a file in the folder.
void unlock(int file) { ::flock(file, LOCK_UN); }

}  // namespace

bool Keeper::owns(std::string_view name) {
    return number_in(name, log_prefix).has_value() || number_in(name, device_prefix).has_value();
}

Keeper::Keeper(StateFolder folder, std::optional<FdStore> fd_store, std::vector<StoredFd> stored)
    : folder_(std::move(folder)), fd_store_(std::move(fd_store)) {
    std::map<unsigned, Left> by_number;
    for (StoredFd& entry : stored) {
        if (const auto log = number_in(entry.name, log_prefix)) by_number[*log].log = std::move(entry.fd);
        if (const auto device = number_in(entry.name, device_prefix)) by_number[*device].device = std::move(entry.fd);
    }
    for (auto& [number, left] : by_number) {
        left.number = number;
        const auto label = log::LogStore::label_of(left.log.get());
        if (label && !left_.contains(label->port)) {
            numbers_.insert(number);
            left_.emplace(label->port, std::move(left));
        } else {
            refused_.push_back(
                "the stored log " + log_name(number) + " " +
                (label ? "is one too many of port " + label->port : label.error().message.substr(0, 200)));
            unlock(left.log.get());
            remove_stored(number, true);
        }
    }
}

KeptPort Keeper::open(const port::PortConfig& config, std::size_t capacity_bytes) {
    const log::LogIdentity identity{config.name, config.device, capacity_bytes};
    KeptPort kept;
    Entry& entry = ports_[config.name] = {};
    kept.store = take_left(identity, kept, entry);
    const bool stored_already = static_cast<bool>(kept.store);
    if (!kept.store && folder_) kept.store = open_file(identity, kept, entry);
    if (!kept.store && fd_store_) kept.store = make_memory_file(identity, kept);
    if (!entry.path.empty()) kept.store->set_owner(folder_.owner());
    if (kept.store) store_log(entry, *kept.store, stored_already);
    return kept;
}

log::LogStoreRef Keeper::take_left(const log::LogIdentity& identity, KeptPort& kept, Entry& entry) {
    auto node = left_.extract(identity.port);
    if (node.empty()) return nullptr;
    Left& left = node.mapped();
    auto store = log::LogStore::open(base::Fd(::fcntl(left.log.get(), F_DUPFD_CLOEXEC, 0)), identity);
    if (!store) {
        unlock(left.log.get());
        complain(kept, "the stored log " + store.error().message + "; a new one begins");
        const auto label = log::LogStore::label_of(left.log.get());
        if (fd_store_ && left.device && label && label->is_of(identity.device)) {
            fd_store_->remove(log_name(left.number));
            entry = {left.number, true, {}};
            kept.device = std::move(left.device);
        } else {
            remove_stored(left.number, static_cast<bool>(left.device));
        }
        return nullptr;
    }
    if (fd_store_) entry = {left.number, static_cast<bool>(left.device), {}};
    kept.goes_on = true;
    kept.device = std::move(left.device);
    return folder_ ? in_folder(identity, *store, kept, entry) : *store;
}

/// A log of the fd store is somewhere else when the folder is new, or was moved or emptied.
log::LogStoreRef Keeper::in_folder(const log::LogIdentity& identity, log::LogStoreRef store, KeptPort& kept,
                                   Entry& entry) {
    const std::string path = where().file_of(identity.port);
    if (is_at(path, store->file())) {
        entry.path = path;
        return store;
    }
    const auto unkept = [&](const std::string& why) {
        complain(kept, "the log is kept by the service manager alone: state_dir: " + why);
        return store;
    };
    if (!folder_.problem().empty()) return unkept(folder_.problem());
    auto file = locked_file(path);
    if (!file) return unkept(path + " " + file.error().message);
    auto copy = store->copied_to(std::move(*file), identity);
    if (!copy) {
        ::unlink(path.c_str());  // gives back what it had of the disk
        return unkept(path + " " + copy.error().message);
    }
    entry.path = path;
    unlock(store->file());
    if (entry.number) {
        fd_store_->remove(log_name(*entry.number));
        fd_store_->put(log_name(*entry.number), (*copy)->file());
    }
    return *copy;
}

std::string Keeper::Folder::file_of(const std::string& port) const {
    return path + "/" + port + std::string(file_suffix);
}

std::function<FiledLog()> Keeper::file_opener(const log::LogIdentity& identity) const {
    if (!folder_) return nullptr;
    return [folder = where(), identity] { return folder.open(identity); };
}

log::LogStoreRef Keeper::open_file(const log::LogIdentity& identity, KeptPort& kept, Entry& entry) {
    auto node = prepared_.extract(identity.port);
    FiledLog filed = node.empty() ? where().open(identity) : std::move(node.mapped());
    entry.path = std::move(filed.path);
    kept.goes_on = filed.kept.goes_on;
    if (!filed.kept.complaint.empty()) complain(kept, filed.kept.complaint);
    return std::move(filed.kept.store);
}

/// A new one where the one that is there does not fit.
FiledLog Keeper::Folder::open(const log::LogIdentity& identity) const {
    const std::string file_path = file_of(identity.port);
    FiledLog log;
    const auto unkept = [&](const std::string& why) {
        complain(log.kept, "the log is not kept: state_dir: " + why);
        log.path.clear();
        return std::move(log);
    };
    if (!problem.empty()) return unkept(problem);
    for (const bool anew : {false, true}) {
        auto file = locked_file(file_path);
        if (!file) return unkept(file_path + " " + file.error().message);
        log.path = file_path;
        if (anew || ::lseek(file->get(), 0, SEEK_END) == 0) {
            auto store = log::LogStore::create(std::move(*file), identity, /*reserve=*/true);
            if (!store) {
                ::unlink(file_path.c_str());  // gives back what it had of the disk
                return unkept(file_path + " " + store.error().message);
            }
            log.kept.store = std::move(*store);
            return log;
        }
        auto store = whole ? log::LogStore::open(std::move(*file), identity) : not_whole();
        log.kept.goes_on = store.has_value();
        if (store) {
            log.kept.store = std::move(*store);
            return log;
        }
        complain(log.kept, "the stored log " + store.error().message + "; a new one begins");
    }
    return log;
}

log::LogStoreRef Keeper::make_memory_file(const log::LogIdentity& identity, KeptPort& kept) const {
    base::Fd file = memory_file(identity.port.c_str());
    auto store = file ? log::LogStore::create(std::move(file), identity, /*reserve=*/false)
                      : Result<log::LogStoreRef>(errno_error("cannot be made"));
    if (store) return *store;
    complain(kept, "the log is not kept: its memory file " + store.error().message);
    return nullptr;
}

/// Whoever has the file after this keeps it; a file in a folder stays ours, for the lock on it.
void Keeper::store_log(Entry& entry, log::LogStore& store, bool stored_already) {
    if (fd_store_ && !stored_already) {
        if (!entry.number) {  // else that of the device, which stayed
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
    std::vector<std::string> dropped = std::exchange(refused_, {});
    for (auto& [port, left] : std::exchange(left_, {})) {
        dropped.push_back("the stored log of port " + port + ", which is not configured any more, was dropped");
        unlock(left.log.get());
        remove_stored(left.number, static_cast<bool>(left.device));
    }
    if (folder_ && folder_.problem().empty()) drop_files(dropped);
    return dropped;
}

/// Only those that this configuration had: the folder may have been another's before. Whosever they are, where they are
/// not whole nobody can go on with them.
void Keeper::drop_files(std::vector<std::string>& dropped) {
    std::error_code ignored;
    // Not a range-for, whose step throws when the disk fails.
    for (std::filesystem::directory_iterator entry(folder_.path(), ignored), end; entry != end;
         entry.increment(ignored)) {
        const auto& file = *entry;
        const std::string name = file.path().filename();
        if (!name.ends_with(file_suffix) || ports_.contains(name.substr(0, name.size() - file_suffix.size()))) continue;
        const base::Fd used(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!used || ::flock(used.get(), LOCK_EX | LOCK_NB) < 0) continue;  // by another vserd
        const auto label = log::LogStore::label_of(used.get());
        const bool ours = label && label->owner == folder_.owner();
        const bool removed = (ours || !folder_.is_whole()) && ::unlink(file.path().c_str()) == 0;
        dropped.push_back(base::printable_text(file.path().native()) + " is of no configured port and " +
                          (removed ? "was removed" : "not of this configuration: remove it if nobody needs it"));
    }
    if (const auto whole = folder_.set_whole(); !whole) dropped.push_back("state_dir: " + whole.error().message);
}

}  // namespace vserd::restart
