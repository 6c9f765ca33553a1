#pragma once

#include <memory>
#include <vector>

#include "io/readiness_engine.hpp"

struct io_uring;

namespace vserd::io {

/// Readiness from io_uring: one multishot poll for reading on each descriptor, and a one-shot poll while a write waits.
/// drain() submits all new requests with one system call at its end.
class UringEngine final : public ReadinessEngine {
public:
    /// Ring sizes. A completion that finds the ring full ends its poll, which must then be submitted again. So the ring
    /// should hold a completion of every port.
    struct Entries {
        unsigned submissions = 256;
        unsigned completions = 4096;
    };

    /// The error message names the setting to change.
    static Result<std::unique_ptr<Engine>> create() { return create(Entries{}); }
    static Result<std::unique_ptr<Engine>> create(Entries entries);
    ~UringEngine() override;

    std::string_view name() const noexcept override { return "io_uring"; }
    int wait_fd() const noexcept override;

private:
    /// Stored in the top bits of the user data.
    enum class Request : std::uint8_t { poll_read, poll_write, cancel };
    struct Wanted {
        Key key = 0;
        int fd = -1;
        Request request = Request::cancel;
    };

    explicit UringEngine(std::unique_ptr<io_uring> ring) noexcept;
    UringEngine(const UringEngine&) = delete;

    Result<void> add(Key key, int fd) override;
    void remove(Key key, int fd) noexcept override;
    void arm(Key key, int fd, OperationKind kind) noexcept override;
    void poll() noexcept override;
    void submit() noexcept override;
    bool has_more() const noexcept override;
    void completed(std::uint64_t user_data, int result, bool more) noexcept;
    bool prepare(const Wanted& wanted) noexcept;

    std::unique_ptr<io_uring> ring_;
    std::vector<Wanted> wanted_;       // not in the submission ring yet
    std::vector<std::uint8_t> armed_;  // by slot: a bit for each poll Request in wanted_ or in the kernel
};

}  // namespace vserd::io
