#pragma once

#include <memory>
#include <vector>

#include "io/readiness_engine.hpp"

struct io_uring;

namespace vserd::io {

/// Readiness from io_uring: one multishot poll for reading on each descriptor, one single poll while a write waits.
/// Submissions gather until the end of drain(), which costs one system call for all of them, or none.
class UringEngine final : public ReadinessEngine {
public:
    /// Ring sizes. Completions that find no room end their polls, which costs a new one each: hold a burst of every port.
    struct Entries {
        unsigned submissions = 256;
        unsigned completions = 4096;
    };

    /// An error's message says what to allow or to raise.
    static Result<std::unique_ptr<Engine>> create() { return create(Entries{}); }
    static Result<std::unique_ptr<Engine>> create(Entries entries);
    ~UringEngine() override;

    std::string_view name() const noexcept override { return "io_uring"; }
    int wait_fd() const noexcept override;

private:
    /// What a completion is about, in the top bits of its user data.
    enum class Request : std::uint8_t { poll_read, poll_write, cancel };
    struct Wanted {
        Key key = 0;
        int fd = -1;
        Request request = Request::cancel;
    };

    explicit UringEngine(std::unique_ptr<io_uring> ring) noexcept;
    UringEngine(const UringEngine&) = delete;

    Result<void> admit(Key key, int fd) override;
    void dismiss(Key key, int fd) noexcept override;
    void await(Key key, int fd, OperationKind kind) noexcept override;
    void collect() noexcept override;
    void submit() noexcept override;
    bool can_collect() const noexcept override;
    void completed(std::uint64_t user_data, int result, bool more) noexcept;
    bool prepare(const Wanted& wanted) noexcept;

    std::unique_ptr<io_uring> ring_;
    std::vector<Wanted> wanted_;       // not in the submission ring yet
    std::vector<std::uint8_t> armed_;  // by slot, a bit for each poll Request that is wanted or with the kernel
};

}  // namespace vserd::io
