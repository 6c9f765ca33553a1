#include "vser_client/console.hpp"

#include <utility>

#include "vser_client/client_impl.hpp"
#include "vser_client/console_impl.hpp"
#include "vser_client/convert.hpp"

namespace vser::client {

Console::Console(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Console::Console(Console&&) noexcept = default;
Console& Console::operator=(Console&&) noexcept = default;
Console::~Console() = default;

const Port& Console::port() const noexcept { return impl_->port(); }
bool Console::tx_recorded() const { return impl_->tx_recorded(); }
std::uint64_t Console::next_offset() const { return impl_->next_offset(); }
std::optional<ConsoleItem> Console::next() { return impl_->next(std::nullopt); }
std::optional<ConsoleItem> Console::next(std::chrono::milliseconds timeout) {
    return impl_->next(std::chrono::steady_clock::now() + timeout);
}
bool Console::ended() const { return impl_->ended(); }
std::optional<Error> Console::error() const { return impl_->error(); }
int Console::ready_fd() const noexcept { return impl_->ready_fd(); }
int Console::room_fd() const noexcept { return impl_->room_fd(); }

Result<> Console::write(std::string_view bytes) {
    if (impl_->write(bytes, true) == bytes.size()) return Done{};
    if (auto error = impl_->error()) return *std::move(error);
    return Error{.code = Code::cancelled, .message = "the console is closed"};
}

std::size_t Console::try_write(std::string_view bytes) { return impl_->write(bytes, false); }
std::size_t Console::tx_bytes_waiting() const { return impl_->tx_bytes_waiting(); }

Console::Discarded Console::discard_written() { return impl_->discard_written(); }

Result<> Console::send_break(std::chrono::milliseconds duration) {
    v1::AttachRequest request;
    to_proto(duration, *request.mutable_break_()->mutable_duration());
    return impl_->command(request);
}

Result<> Console::set_signals(const SignalChange& change) {
    v1::AttachRequest request;
    auto& signals = *request.mutable_set_signals();
    if (change.dtr) signals.set_dtr(*change.dtr);
    if (change.rts) signals.set_rts(*change.rts);
    return impl_->command(request);
}

Result<> Console::set_baud(std::uint32_t baud) {
    v1::AttachRequest request;
    request.set_set_baud(baud);
    return impl_->command(request);
}

Result<> Console::set_format(const Format& format) {
    v1::AttachRequest request;
    to_proto(format, *request.mutable_set_format());
    return impl_->command(request);
}

Result<> Console::flush(FlushDirection direction) {
    v1::AttachRequest request;
    request.set_flush(static_cast<v1::FlushDirection>(direction));
    return impl_->command(request);
}

Result<> Console::acquire(bool takeover, const std::string& reason) {
    v1::AttachRequest request;
    request.mutable_acquire()->set_takeover(takeover);
    request.mutable_acquire()->set_reason(reason);
    return impl_->command(request);
}

Result<> Console::release() {
    v1::AttachRequest request;
    request.set_release(true);
    return impl_->command(request);
}

Result<> Console::drain(std::chrono::milliseconds timeout) {
    return impl_->drain(std::chrono::steady_clock::now() + timeout);
}

void Console::close() { impl_->close(); }

Result<Console> Client::attach(const std::string& port, ConsoleOptions options) const {
    if (options.lease == 0) options.lease = lease_of(port);
    auto console = std::make_unique<Console::Impl>(impl_->channel, port, std::move(options));
    if (auto open = console->wait_open(); !open) return std::move(open).error();
    return Console(std::move(console));
}

}  // namespace vser::client
