// What a process before may have left as a port's log: a real one, damaged in places, also where its checks were mended
// after it. Whatever is taken over can be read to its head and written on.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>

#include "fuzz/fuzz.hpp"
#include "log/byte_log.hpp"

using namespace vserd;

namespace {

const log::LogIdentity identity{"board", "/dev/ttyUSB0", log::block_bytes};

/// The file of a log as the next process finds it.
class LeftLog {
public:
    explicit LeftLog(Input& input) : file_(::memfd_create("log", MFD_CLOEXEC)) {
        log::ByteLog log(log::LogStore::create(again(), identity, false).value());
        for (unsigned steps = input.byte() % 8; steps > 0; --steps) {
            const std::string bytes(std::size_t{input.byte()} * 400, static_cast<char>('a' + steps));
            log.append(std::as_bytes(std::span{bytes}));
            log.append_event(port::BreakSent{std::chrono::milliseconds{steps}});
        }
        struct stat status {};
        ::fstat(file_.get(), &status);
        size_ = static_cast<std::size_t>(status.st_size);
        begin_ = static_cast<std::byte*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0));
    }
    ~LeftLog() { ::munmap(begin_, size_); }
    LeftLog(const LeftLog&) = delete;
    LeftLog& operator=(const LeftLog&) = delete;

    base::Fd again() const { return base::Fd(::dup(file_.get())); }

    /// Before the blocks themselves, whose bytes may be anything.
    void damage(Input& input) {
        constexpr std::size_t told = sizeof(log::LogHeader) + 40 * sizeof(log::LogSlot);
        const std::size_t places = input.byte() % 4 == 0 ? size_ : told;
        const std::size_t at = (std::size_t{input.byte()} << 8U | input.byte()) * (places > told ? 61 : 1) % places;
        begin_[at] = static_cast<std::byte>(input.byte());
    }
    void shorten(Input& input) {
        require(::ftruncate(file_.get(), static_cast<off_t>(input.number() % size_)) == 0, "a shorter file");
    }

    /// As a vserd of another mind might have left it: what the header says adds up, and so do the slots.
    void mend_checks() {
        auto& header = *reinterpret_cast<log::LogHeader*>(begin_);
        const auto* from = reinterpret_cast<const std::byte*>(&header.capacity_bytes);
        const auto* to = reinterpret_cast<const std::byte*>(&header.unsaved);
        header.check =
            static_cast<std::uint32_t>(log::hash_of(from, static_cast<std::size_t>(to - from), header.version));
        auto* slots = reinterpret_cast<log::LogSlot*>(begin_ + sizeof(log::LogHeader));
        for (std::size_t i = 0; i < 4; ++i) {
            const std::uint64_t used = slots[i].filled.load() & 0xFFFF'FFFF;
            const std::uint64_t check =
                log::mixed(log::mixed(slots[i].first_offset.load() ^ header.salt) + used) >> 32U;
            slots[i].filled.store((check << 32U) | used);
        }
    }

private:
    base::Fd file_;
    std::byte* begin_ = nullptr;
    std::size_t size_ = 0;
};

/// The bytes from the oldest to the head.
std::size_t read_all(const log::ByteLog& log) {
    auto cursor = log.at_offset(log.oldest_offset());
    std::uint64_t at = log.oldest_offset();
    std::size_t bytes = 0;
    while (const auto item = log.read(cursor, 70'000)) {
        if (const auto* data = std::get_if<log::DataItem>(&*item)) {
            require(data->offset == at, "data follow each other");
            for (const auto& slice : data->slices)
                bytes += std::string(reinterpret_cast<const char*>(slice.data), slice.size).size();
            at += data->size;
        } else if (const auto* event = std::get_if<log::EventItem>(&*item)) {
            require(event->offset == at, "an event is in its place");
        }
    }
    require(at == log.next_offset() && log.at_head(cursor), "a reader comes to the head");
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    LeftLog left(input);
    const unsigned how = input.byte();
    if (how % 16 == 15) {
        left.shorten(input);
    } else {
        for (int i = 0; i < 40 && !input.empty(); ++i) left.damage(input);
        if (how % 2 == 1) left.mend_checks();
    }

    auto store = log::LogStore::open(left.again(), identity);
    if (!store) {
        require(!store.error().message.empty(), "a log that is not taken over says why");
        return 0;
    }
    log::ByteLog log(std::move(*store));
    require(log.oldest_offset() <= log.next_offset(), "what is held ends at the head");
    require(read_all(log) == log.next_offset() - log.oldest_offset(), "every byte that is held can be read");

    const std::uint64_t before = log.next_offset();
    const std::string more(2 * log::block_bytes, 'z');
    log.append(std::as_bytes(std::span{more}));
    require(log.next_offset() == before + more.size(), "the log goes on");
    require(read_all(log) <= identity.capacity_bytes, "and holds no more than it may");
    return 0;
}
