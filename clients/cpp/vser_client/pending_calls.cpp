#include <grpcpp/client_context.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "vser_client/client_impl.hpp"
#include "vser_client/convert.hpp"
#include "vser_client/status.hpp"
#include "vser_client/thread.hpp"

namespace vser::client {
namespace {

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

}  // namespace

PendingCall<Port> Client::begin_get_port(const std::string& port, std::chrono::milliseconds timeout) const {
    const auto run = [impl = impl_, port](grpc::ClientContext& context) -> Result<Port> {
        v1::GetPortRequest request;
        request.set_port(port);
        v1::GetPortResponse response;
        const auto status = impl->ports->GetPort(&context, request, &response);
        if (!status.ok()) return to_error(status);
        return from_proto(response.port());
    };
    return PendingCall<Port>(std::make_unique<ThreadedCall<Port>>(run, timeout));
}

PendingCall<std::vector<Session>> Client::begin_sessions(const std::string& port,
                                                         std::chrono::milliseconds timeout) const {
    const auto run = [impl = impl_, port](grpc::ClientContext& context) -> Result<std::vector<Session>> {
        v1::ListSessionsRequest request;
        request.add_ports(port);
        v1::ListSessionsResponse response;
        const auto status = impl->sessions->ListSessions(&context, request, &response);
        if (!status.ok()) return to_error(status);
        return from_proto(response);
    };
    return PendingCall<std::vector<Session>>(std::make_unique<ThreadedCall<std::vector<Session>>>(run, timeout));
}

PendingCall<std::uint64_t> Client::begin_flush(const std::string& port, FlushDirection direction,
                                               std::chrono::milliseconds timeout) const {
    const auto run = [impl = impl_, port, direction,
                      lease = lease_of(port)](grpc::ClientContext& context) -> Result<std::uint64_t> {
        v1::FlushRequest request;
        request.set_port(port);
        request.set_direction(static_cast<v1::FlushDirection>(direction));
        request.set_lease(lease);
        v1::FlushResponse response;
        const auto status = impl->ports->Flush(&context, request, &response);
        if (!status.ok()) return to_error(status);
        return response.output_bytes_discarded();
    };
    return PendingCall<std::uint64_t>(std::make_unique<ThreadedCall<std::uint64_t>>(run, timeout));
}

}  // namespace vser::client
