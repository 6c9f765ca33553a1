#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "io/engine.hpp"
#include "support/pty.hpp"

namespace vserd::test {

/// An engine as the suite sees it. Where it cannot be made here, the tests skip with its reason.
struct EngineKind {
    std::string name;
    Result<std::unique_ptr<io::Engine>> (*create)();
};
std::ostream& operator<<(std::ostream& out, const EngineKind& kind);

/// Every engine of the build; "io_uring_tiny" has rings of two entries, so that they overflow all the time.
std::vector<EngineKind> engine_kinds();

/// Descriptors that the engine serves and the other ends of them, which the test reads and writes itself.
struct Link {
    std::vector<base::Fd> owned;
    int in = -1;        ///< the engine reads here
    int out = -1;       ///< the engine writes here; the same as `in` where the link has two directions
    int peer_out = -1;  ///< what is written here arrives at `in`
    int peer_in = -1;   ///< what is written to `out` arrives here

    void close_peer();    ///< hangs up
    void close_served();  ///< after detach
};

struct LinkKind {
    std::string name;
    Link (*open)();
};
std::ostream& operator<<(std::ostream& out, const LinkKind& kind);

/// The tty end of a pty, its master end, a stream socket and a pair of pipes.
std::vector<LinkKind> link_kinds();

/// A lower limit of this process, until the end of the scope.
class ScopedLimit {
public:
    ScopedLimit(int resource, rlim_t limit);
    ~ScopedLimit();
    ScopedLimit(const ScopedLimit&) = delete;

private:
    int resource_;
    rlimit before_{};
};

/// An engine with what a host does for it: drain, and sleep on its descriptor while nothing is pending.
class Rig {
public:
    explicit Rig(std::unique_ptr<io::Engine> engine) : engine_(std::move(engine)) {}
    /// Fails the test where drain() held the thread for longer than an io thread can spare.
    ~Rig();
    Rig(const Rig&) = delete;

    io::Engine& engine() noexcept { return *engine_; }
    io::Engine* operator->() noexcept { return engine_.get(); }
    io::Slot attach(int fd);
    bool draining() const noexcept { return draining_; }
    std::size_t drain();
    /// Runs until the condition holds; false at the deadline.
    bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds timeout = patience);
    /// Drains until nothing is pending, nothing is announced and no other thread has something under way.
    void settle();

private:
    bool works_behind_our_back() const;

    std::unique_ptr<io::Engine> engine_;
    bool draining_ = false;
    std::size_t drains_ = 0;
    std::size_t drains_too_long_ = 0;
};

/// One operation with its buffer, and what became of it.
class Op {
public:
    Op(Rig& rig, io::OperationKind kind, io::Slot slot, std::size_t size);
    Op(const Op&) = delete;

    io::Operation raw;
    std::vector<std::byte> buffer;
    std::optional<ssize_t> result;
    int completions = 0;
    std::function<void(Op&)> then;  ///< runs in the completion

    void start();
    void cancel() { rig_.engine().cancel(raw); }
    bool done() const noexcept { return result.has_value(); }
    std::string text() const;

private:
    Rig& rig_;
};

/// Reads until that many bytes have come, by operations of `chunk` bytes.
class Receiver {
public:
    Receiver(Rig& rig, io::Slot slot, std::size_t wanted, std::size_t chunk = io::read_gather_bytes_max);
    std::string received;
    std::optional<ssize_t> failure;  ///< the result that ended it early
    bool done() const noexcept { return failure.has_value() || received.size() >= wanted_; }

private:
    std::size_t wanted_;
    Op op_;
};

/// Writes all of it, going on after each short write.
class Sender {
public:
    Sender(Rig& rig, io::Slot slot, std::string bytes);
    std::optional<ssize_t> failure;
    int writes = 0;
    bool done() const noexcept { return failure.has_value() || sent_ == bytes_.size(); }

private:
    void go_on();
    Rig& rig_;
    std::string bytes_;
    std::size_t sent_ = 0;
    io::Operation op_;
};

/// A fixture for tests over every engine and every link.
class EngineTest : public testing::TestWithParam<std::tuple<EngineKind, LinkKind>> {
protected:
    void SetUp() override;
    Rig& rig() { return *rig_; }
    Link& link() { return link_; }

    std::unique_ptr<Rig> rig_;
    Link link_;
};

/// "io_uring_tty" and so on.
std::string case_name(const testing::TestParamInfo<std::tuple<EngineKind, LinkKind>>& info);

}  // namespace vserd::test
