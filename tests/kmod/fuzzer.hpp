/// One process's random system calls on the nodes. Nothing here is checked: what counts is what becomes of the kernel.
#pragma once

#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <string>

namespace vserd::kmodtest {

/// An io_uring by hand: liburing would never build the entries that are wanted here.
class RawRing {
public:
    explicit RawRing(unsigned flags);
    ~RawRing();
    RawRing(const RawRing&) = delete;
    RawRing& operator=(const RawRing&) = delete;

    bool ready() const { return queue_ != nullptr && entries_ != nullptr; }
    void add(const io_uring_sqe& entry);
    /// Submits what was added and forgets all completions.
    void enter();

private:
    __u32& word(__u32 offset) { return *reinterpret_cast<__u32*>(queue_ + offset); }

    io_uring_params parameters_{};
    int fd_ = -1;
    std::size_t queue_bytes_ = 0;
    std::size_t entries_bytes_ = 0;
    char* queue_ = nullptr;
    char* entries_ = nullptr;
    unsigned added_ = 0;
};

class Fuzzer {
public:
    /// Counts calls in `calls`, which other processes share.
    Fuzzer(unsigned seed, std::atomic<unsigned long>& calls);
    [[noreturn]] void run();

private:
    static constexpr std::size_t memory_bytes = 65536;
    static constexpr std::size_t page = 4096;
    static constexpr int no_job = -1;
    static constexpr int drop_memory = -2;

    template <class... Arguments>
    long call(long number, Arguments... arguments) {
        ++made_;
        return ::syscall(number, arguments...);
    }
    unsigned pick(unsigned limit) { return static_cast<unsigned>(random_()) % limit; }
    template <class Value, std::size_t size>
    Value pick(const Value (&values)[size]) {
        return values[pick(static_cast<unsigned>(size))];
    }
    int& slot() { return fds_[pick(static_cast<unsigned>(fds_.size()))]; }
    int fd() { return slot(); }
    void* pointer();
    std::size_t size();
    unsigned long request();
    void fill();

    void step();
    void open_one();
    void close_one();
    void vectored();
    void ioctl_any();
    void call_32();
    void poll_some();
    void control();
    void odd_calls();
    void native_aio();
    void splice_any();
    void uring();
    io_uring_sqe uring_entry();
    void with_the_helper();
    void help();

    std::minstd_rand random_;
    std::atomic<unsigned long>& calls_;
    unsigned long made_ = 0;
    std::array<int, 8> fds_;
    int epoll_;
    std::array<int, 2> pipe_{-1, -1};
    char* memory_;
    aio_context_t aio_ = 0;
    std::array<iocb, 16> requests_{};
    std::unique_ptr<RawRing> ring_;
    std::atomic<int> job_ = no_job;  ///< a descriptor to close, or drop_memory
};

}  // namespace vserd::kmodtest
