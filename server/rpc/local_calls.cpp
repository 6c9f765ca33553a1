#include "rpc/local_calls.hpp"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <mutex>
#include <utility>
#include <vector>

namespace vserd::rpc {
namespace {

grpc::ByteBuffer to_buffer(const std::string& message) {
    const grpc::Slice slice(message);
    return {&slice, 1};
}

hub::WireMessage to_message(const grpc::ByteBuffer& buffer) {
    auto slices = std::make_shared<std::vector<grpc::Slice>>();
    if (!buffer.Dump(slices.get()).ok()) return {};
    hub::WireMessage message;
    message.pieces.reserve(slices->size());
    for (const grpc::Slice& slice : *slices)
        message.pieces.push_back(std::as_bytes(std::span(slice.begin(), slice.size())));
    message.owner = std::move(slices);
    return message;
}

/// Lives until gRPC is done with it and nobody holds it any more. While a hold is in place, other threads may start operations;
/// it ends when the server has nothing more to say.
class LocalCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
public:
    LocalCall(hub::Calls::Request request, hub::Calls::Handlers handlers, Passes& passes)
        : pass_(passes.issue(std::move(request.client))),
          handlers_(std::move(handlers)),
          out_(to_buffer(request.message)) {
        context_.AddMetadata(Passes::key, pass_->text());
        if (request.deadline) context_.set_deadline(*request.deadline);
    }

    /// Keeps `self` until the call has ended.
    static void start(const std::shared_ptr<LocalCall>& self, grpc::GenericStub& stub, const std::string& method,
                      hub::Calls::Shape shape) {
        self->self_ = self;
        self->shape_ = shape;
        stub.PrepareBidiStreamingCall(&self->context_, method, {}, self.get());
        self->AddHold();
        self->StartRead(&self->in_);
        const bool may_write = shape == hub::Calls::Shape::both_stream;
        may_write ? self->StartWrite(&self->out_) : self->StartWriteLast(&self->out_, {});
        self->StartCall();
    }

    void read() {
        if (!enter()) return;
        StartRead(&in_);
        leave();
    }
    void write(const std::string& message) {
        if (!enter()) return;
        out_ = to_buffer(message);
        StartWrite(&out_);
        leave();
    }
    void cancel() {
        context_.TryCancel();
        close();
    }

private:
    void OnReadDone(bool ok) override {
        if (!ok) return close();
        handlers_.replied(to_message(in_));
        if (shape_ == hub::Calls::Shape::unary) read();  // which finds the end
    }
    void OnWriteDone(bool /*ok*/) override {  // if not, the end of the call follows
        if (shape_ == hub::Calls::Shape::both_stream) handlers_.written();
    }
    void OnDone(const grpc::Status& status) override {
        const auto handlers = std::move(handlers_);  // destroyed after `self`: they may keep alive what that uses
        const auto self = std::move(self_);
        handlers.ended({static_cast<int>(status.error_code()), status.error_message(), status.error_details()});
    }

    /// Whether an operation may be started. The hold stays until leave().
    bool enter() {
        const std::lock_guard lock(mutex_);
        if (!open_) return false;
        ++inside_;
        return true;
    }
    void leave() {
        {
            const std::lock_guard lock(mutex_);
            if (--inside_ > 0 || open_) return;
        }
        RemoveHold();
    }
    void close() {
        {
            const std::lock_guard lock(mutex_);
            if (!std::exchange(open_, false) || inside_ > 0) return;
        }
        RemoveHold();
    }

    std::unique_ptr<Passes::Pass> pass_;
    hub::Calls::Handlers handlers_;
    grpc::ClientContext context_;
    grpc::ByteBuffer in_;
    grpc::ByteBuffer out_;
    hub::Calls::Shape shape_ = hub::Calls::Shape::unary;
    std::shared_ptr<LocalCall> self_;  // gRPC's share
    std::mutex mutex_;
    bool open_ = true;  ///< guarded by mutex_; the hold is in place
    int inside_ = 0;    ///< guarded by mutex_; threads that start an operation
};

class Handle final : public hub::Calls::Call {
public:
    explicit Handle(std::shared_ptr<LocalCall> call) : call_(std::move(call)) {}
    ~Handle() override { call_->cancel(); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    void read() override { call_->read(); }
    void write(const std::string& message) override { call_->write(message); }
    void cancel() override { call_->cancel(); }

private:
    std::shared_ptr<LocalCall> call_;  // shared with gRPC, which may be done with it first
};

/// A call that has ended before it began.
class EndedCall final : public hub::Calls::Call {
public:
    void read() override {}
    void write(const std::string& /*message*/) override {}
    void cancel() override {}
};

}  // namespace

void LocalCalls::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

std::unique_ptr<hub::Calls::Call> LocalCalls::start(Request request, Shape shape, Handlers handlers) {
    const std::lock_guard lock(mutex_);
    if (closed_) {
        loop_.post([ended = std::move(handlers.ended)] {
            ended({grpc::StatusCode::UNAVAILABLE, "the server is shutting down", {}});
        });
        return std::make_unique<EndedCall>();
    }
    const std::string method = request.method;
    const auto call = std::make_shared<LocalCall>(std::move(request), std::move(handlers), passes_);
    LocalCall::start(call, stub_, method, shape);
    return std::make_unique<Handle>(call);
}

}  // namespace vserd::rpc
