#include "log/log_store.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "base/text.hpp"

namespace vserd::log {
namespace {

constexpr std::size_t page_bytes = 4096;
/// A block with less free space than this counts as full (see ByteLog::space()).
constexpr std::size_t block_rest_max = 4096;

/// Enough for the whole capacity, with the first and the last block partly filled, and one block being released.
std::size_t own_slots_for(std::size_t capacity_bytes) noexcept {
    return capacity_bytes / (block_bytes - block_rest_max) + 3;
}

std::size_t next_page(std::size_t at) noexcept { return (at + page_bytes - 1) / page_bytes * page_bytes; }

struct Layout {
    explicit Layout(std::size_t slots)
        : events((sizeof(LogHeader) + slots * sizeof(LogSlot) + 63) / 64 * 64),
          marks(next_page(events + log_events_max * sizeof(EventRecord))),
          data(next_page(marks + log_time_marks_max * sizeof(TimeMark))),
          bytes(data + slots * block_bytes) {}

    std::size_t events, marks, data, bytes;
};

std::size_t slots_for(std::size_t capacity_bytes) noexcept { return own_slots_for(capacity_bytes) + log_spare_slots; }

std::uint32_t check_of(const LogHeader& header) noexcept {
    const auto* from = reinterpret_cast<const std::byte*>(&header.capacity_bytes);
    const auto* to = reinterpret_cast<const std::byte*>(&header.unsaved);
    return static_cast<std::uint32_t>(hash_of(from, static_cast<std::size_t>(to - from), header.version));
}

Error unfit(std::string why) { return {Failure::io, 0, "log", std::move(why)}; }

std::uint64_t device_hash(const std::string& device) noexcept { return hash_of(device.data(), device.size(), 0); }

Error of_another_version(std::uint32_t version) {
    return unfit(fmt::format("was written by another version of vserd (layout {}, not {})", version, log_version));
}

/// Checks the part that is written once. Layouts of other versions have it too.
Result<void> check_label(const LogHeader& header) {
    if (header.magic.load(std::memory_order_acquire) != log_magic) return unfit("is damaged or incomplete");
    if (header.check == check_of(header)) return {};
    if (header.version != log_version) return of_another_version(header.version);
    return unfit("is damaged: the checksum of its header is wrong");
}

Result<void> check_header(const LogHeader& header) {
    const auto adds_up = check_label(header);
    return adds_up && header.version != log_version ? of_another_version(header.version) : adds_up;
}

/// Fills the file with zeros. `reserve`: allocate disk space for all but the extra slots.
Result<void> make_empty(int file, std::size_t capacity_bytes, bool reserve) {
    const Layout layout(slots_for(capacity_bytes));
    const auto size = static_cast<off_t>(layout.bytes);
    if (::ftruncate(file, 0) < 0 || ::ftruncate(file, size) < 0) return errno_error("cannot be created");
    if (!reserve) return {};
    const auto own = layout.data + own_slots_for(capacity_bytes) * block_bytes;
    const int error = ::posix_fallocate(file, 0, static_cast<off_t>(own));
    if (error != 0) return errno_error("cannot be allocated", error);
    return {};
}

Result<void> write_at(int file, const void* data, std::size_t size, std::size_t at) {
    const auto* from = static_cast<const std::byte*>(data);
    while (size > 0) {
        const ssize_t written = ::pwrite(file, from, size, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return errno_error("cannot be written");
        from += written;
        at += static_cast<std::size_t>(written);
        size -= static_cast<std::size_t>(written);
    }
    return {};
}

}  // namespace

void Block::given_back(Block* block, LogStore* store) noexcept {
    if (store != nullptr) return intrusive_ptr_release(store);
    delete[] block->data;
    delete block;
}

LogStore::LogStore(base::Fd file, MappedFile memory, std::size_t capacity_bytes)
    : file_(std::move(file)),
      mapped_(std::move(memory)),
      memory_(mapped_.data()),
      survives_(static_cast<bool>(file_)),
      bytes_(Layout(slots_for(capacity_bytes)).bytes),
      capacity_bytes_(capacity_bytes),
      own_slots_(own_slots_for(capacity_bytes)),
      slots_count_(slots_for(capacity_bytes)) {
    const Layout layout(slots_count_);
    header_ = reinterpret_cast<LogHeader*>(memory_);
    slots_ = reinterpret_cast<LogSlot*>(memory_ + sizeof(LogHeader));
    events_ = reinterpret_cast<EventRecord*>(memory_ + layout.events);
    marks_ = reinterpret_cast<TimeMark*>(memory_ + layout.marks);
    data_ = memory_ + layout.data;
}

LogStoreRef LogStore::in_memory(std::size_t capacity_bytes) {
    auto memory = MappedFile::map(-1, Layout(slots_for(capacity_bytes)).bytes);
    if (!memory) throw std::bad_alloc();
    LogStoreRef store(new LogStore({}, std::move(*memory), capacity_bytes));
    store->begin({{}, {}, capacity_bytes}, store->slots_count_);
    return store;
}

Result<LogStoreRef> LogStore::create(base::Fd file, const LogIdentity& identity, bool reserve) {
    const Layout layout(slots_for(identity.capacity_bytes));
    if (auto empty = make_empty(file.get(), identity.capacity_bytes, reserve); !empty) return empty.error();
    auto memory = MappedFile::map(file.get(), layout.bytes);
    if (!memory) return memory.error();
    LogStoreRef store(new LogStore(std::move(file), std::move(*memory), identity.capacity_bytes));
    store->begin(identity, reserve ? store->own_slots_ : store->slots_count_);
    return store;
}

void LogStore::begin(const LogIdentity& identity, std::size_t reserved_slots) {
    LogHeader& header = *header_;
    std::array<unsigned char, 16> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
        const auto address =
            reinterpret_cast<std::uintptr_t>(header_);  // getrandom() does not fail on Linux after boot
        std::memcpy(random.data(), &address, sizeof address);
    }
    constexpr std::string_view digits = "0123456789abcdef";
    for (std::size_t i = 0; i < random.size(); ++i) {
        header.id[2 * i] = digits[random[i] / 16U];
        header.id[2 * i + 1] = digits[random[i] % 16U];
    }
    std::memcpy(&header.salt, random.data(), sizeof header.salt);
    header.version = log_version;
    header.capacity_bytes = identity.capacity_bytes;
    header.file_bytes = bytes_;
    header.device_hash = device_hash(identity.device);
    header.slots = static_cast<std::uint32_t>(slots_count_);
    header.events = log_events_max;
    header.marks = log_time_marks_max;
    header.slot_bytes = block_bytes;
    header.reserved_slots = static_cast<std::uint32_t>(reserved_slots);
    identity.port.copy(header.port.data(), header.port.size() - 1);
    header.check = check_of(header);
    header.magic.store(log_magic, std::memory_order_release);
    cache_header();
}

/// Copies the values that are needed later, because other processes could change the file.
void LogStore::cache_header() {
    id_ = header_->id.data();
    salt_ = header_->salt;
    // The disk space of other slots is not reserved, and allocating it could take long.
    usable_slots_ = std::min<std::size_t>(header_->reserved_slots, slots_count_);
}

bool LogLabel::is_of(const std::string& device) const noexcept { return hash == device_hash(device); }

Result<LogLabel> LogStore::label_of(int file) {
    alignas(LogHeader) std::array<std::byte, sizeof(LogHeader)> bytes{};
    if (::pread(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return unfit("is damaged: the file is too short");
    const auto& header = *reinterpret_cast<const LogHeader*>(bytes.data());
    if (const auto fits = check_label(header); !fits) return fits.error();
    const bool readable = header.version == log_version;
    return LogLabel{base::printable_text(header.port.data()),
                    readable ? header.owner.load(std::memory_order_relaxed) : 0, header.version, header.device_hash};
}

Result<LogStoreRef> LogStore::open(base::Fd file, const LogIdentity& identity) {
    const auto label = label_of(file.get());
    if (!label) return label.error();
    if (label->version != log_version) return of_another_version(label->version);
    const Layout layout(slots_for(identity.capacity_bytes));
    struct stat status {};
    if (::fstat(file.get(), &status) < 0) return errno_error("cannot be read");
    if (static_cast<std::size_t>(status.st_size) != layout.bytes)
        return unfit("has another size (bytes_per_port has changed)");
    auto memory = MappedFile::map(file.get(), layout.bytes);
    if (!memory) return memory.error();
    LogStoreRef store(new LogStore(std::move(file), std::move(*memory), identity.capacity_bytes));
    if (const auto fits = store->check(identity); !fits) return fits.error();
    store->cache_header();
    if (const auto found = store->find_blocks(); !found) return found.error();
    store->recovered_ = true;
    return store;
}

Result<void> LogStore::reopen() {
    found_.clear();
    recovered_ = true;
    return find_blocks();
}

void LogStore::restart_as(std::string_view id, std::uint64_t offset, std::uint64_t events) noexcept {
    header_->check = ~header_->check;
    if (recovered_) {  // otherwise they are empty, and touching their pages would use memory
        for (EventRecord& event : this->events()) event.check.store(0, std::memory_order_relaxed);
    }
    for (std::size_t i = 0; i < slots_count_; ++i) slots_[i].filled.store(0, std::memory_order_relaxed);
    header_->marks_place.store(0, std::memory_order_relaxed);
    header_->marks_changing.store(0, std::memory_order_relaxed);
    header_->prepared.store(0, std::memory_order_relaxed);
    header_->unsaved[0].first_offset.store(offset, std::memory_order_relaxed);
    header_->unsaved[0].filled.store(filled_word(offset, 0), std::memory_order_relaxed);
    header_->unsaved[1].filled.store(0, std::memory_order_relaxed);
    header_->id.fill('\0');
    id.copy(header_->id.data(), header_->id.size() - 1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    header_->check = check_of(*header_);
    cache_header();
    found_.clear();
    found_head_ = offset;
    events_before_ = events;
    recovered_ = false;
}

Result<void> LogStore::check(const LogIdentity& identity) const {
    if (auto fits = check_header(*header_); !fits) return fits;
    if (header_->port.data() != identity.port)
        return unfit(fmt::format("belongs to port \"{}\"", header_->port.data()));
    if (header_->device_hash != device_hash(identity.device)) return unfit("belongs to another device");
    const bool same = header_->capacity_bytes == identity.capacity_bytes && header_->file_bytes == bytes_ &&
                      header_->slots == slots_count_ && header_->events == log_events_max &&
                      header_->marks == log_time_marks_max && header_->slot_bytes == block_bytes;
    if (!same) return unfit("has another size (bytes_per_port has changed)");
    return {};
}

Result<LogStoreRef> LogStore::copied_to(base::Fd file, const LogIdentity& identity) const {
    if (auto empty = make_empty(file.get(), identity.capacity_bytes, /*reserve=*/true); !empty) return empty.error();
    // Skip the holes, because most of a memory file may be unused.
    off_t begin = sizeof(LogHeader);
    while ((begin = ::lseek(file_.get(), begin, SEEK_DATA)) >= 0) {
        const off_t end = ::lseek(file_.get(), begin, SEEK_HOLE);
        if (end < 0) return errno_error("cannot be read");
        const auto at = static_cast<std::size_t>(begin);
        const auto size = static_cast<std::size_t>(end - begin);
        if (auto done = write_at(file.get(), memory_ + at, size, at); !done) return done.error();
        begin = end;
    }
    if (errno != ENXIO) return errno_error("cannot be read");  // ENXIO: no more data
    alignas(LogHeader) std::array<std::byte, sizeof(LogHeader)> bytes{};
    std::memcpy(bytes.data(), memory_, bytes.size());
    auto& header = *reinterpret_cast<LogHeader*>(bytes.data());
    header.reserved_slots = static_cast<std::uint32_t>(own_slots_);
    header.check = check_of(header);
    // Write the magic last.
    constexpr std::size_t magic_bytes = sizeof header.magic;
    auto done = write_at(file.get(), bytes.data() + magic_bytes, bytes.size() - magic_bytes, magic_bytes);
    if (done) done = write_at(file.get(), bytes.data(), magic_bytes, 0);
    if (!done) return done.error();
    return open(std::move(file), identity);
}

Word& LogStore::kept(std::size_t place) const noexcept {
    assert(place < log_kept_words);
    if (place < header_->kept_first.size()) return header_->kept_first[place];
    place -= header_->kept_first.size();
    return place < header_->kept_middle.size() ? header_->kept_middle[place] : header_->kept_last[0];
}

std::uint64_t LogStore::filled_word(std::uint64_t first_offset, std::size_t used) const noexcept {
    const std::uint64_t check = mixed(mixed(first_offset ^ salt_) + used) >> 32U;
    return (std::max<std::uint64_t>(check, 1) << 32U) | used;
}

Result<void> LogStore::find_blocks() {
    std::vector<Block*> filled;
    for (std::size_t i = 0; i < slots_count_; ++i) {
        const std::uint64_t word = slots_[i].filled.load(std::memory_order_acquire);
        if (word == 0) continue;
        Block& block = block_at(i);
        block.first_offset = slots_[i].first_offset.load(std::memory_order_relaxed);
        block.used = word & 0xFFFF'FFFFU;
        if (block.used > block_bytes || word != filled_word(block.first_offset, block.used)) {
            return unfit(fmt::format("is damaged: the checksum of block {} is wrong", i));
        }
        if (block.used > 0) filled.push_back(&block);
    }
    std::sort(filled.begin(), filled.end(), [](Block* a, Block* b) { return a->first_offset < b->first_offset; });
    // Blocks before a hole were already trimmed, or heap blocks that are lost followed them.
    auto first = filled.end();
    while (first != filled.begin() &&
           (first == filled.end() || (*(first - 1))->first_offset + (*(first - 1))->used == (*first)->first_offset)) {
        --first;
    }
    found_head_ = filled.empty() ? 0 : filled.back()->first_offset + filled.back()->used;
    const auto unsaved = unsaved_head();
    if (!unsaved) return unsaved.error();
    if (*unsaved > found_head_) {
        found_head_ = *unsaved;
        return {};
    }
    found_.assign(first, filled.end());
    return {};
}

Result<std::uint64_t> LogStore::unsaved_head() const {
    std::uint64_t head = 0;
    for (const LogSlot& turn : header_->unsaved) {
        const std::uint64_t word = turn.filled.load(std::memory_order_acquire);
        const std::uint64_t offset = turn.first_offset.load(std::memory_order_relaxed);
        if (word != 0 && word != filled_word(offset, 0))
            return unfit("is damaged: the checksum of its head offset is wrong");
        if (word != 0) head = std::max(head, offset);
    }
    return head;
}

std::vector<BlockRef> LogStore::take_found() {
    std::vector<BlockRef> blocks;
    for (Block* block : std::exchange(found_, {})) {
        intrusive_ptr_add_ref(this);
        blocks.emplace_back(block);
    }
    return blocks;
}

}  // namespace vserd::log
