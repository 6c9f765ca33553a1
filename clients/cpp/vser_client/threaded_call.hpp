#pragma once

#include <grpcpp/client_context.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "vser_client/pending_call.hpp"
#include "vser_client/thread.hpp"

namespace vser::client {

/// A blocking call on a separate thread.
template <class T>
class ThreadedCall final : public PendingCall<T>::Source {
public:
    using Run = std::function<Result<T>(grpc::ClientContext&)>;

    ThreadedCall(Run run, std::chrono::milliseconds timeout)
        : run_(std::move(run)), ready_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (ready_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
        context_.set_deadline(std::chrono::system_clock::now() + timeout);
        thread_ = start_thread_without_signals([this] { work(); });
    }
    ~ThreadedCall() override {
        context_.TryCancel();
        thread_.join();
        ::close(ready_fd_);
    }
    ThreadedCall(const ThreadedCall&) = delete;
    ThreadedCall& operator=(const ThreadedCall&) = delete;

    void cancel() override { context_.TryCancel(); }
    int ready_fd() const noexcept override { return ready_fd_; }
    std::optional<Result<T>> take() override {
        const std::lock_guard lock(mutex_);
        return std::exchange(result_, std::nullopt);
    }

private:
    void work() {
        auto result = run_(context_);
        const std::lock_guard lock(mutex_);
        result_.emplace(std::move(result));
        ::eventfd_write(ready_fd_, 1);
    }

    const Run run_;
    const int ready_fd_;
    grpc::ClientContext context_;
    std::mutex mutex_;  // guards result_
    std::optional<Result<T>> result_;
    std::thread thread_;
};

}  // namespace vser::client
