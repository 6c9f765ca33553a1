#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "hub/channel.hpp"

namespace vserd::hub {

/// One port as one session uses it: its state, a reader, writes and control. Made by Session::open(). Becomes null when the
/// port is removed or the hub closes it. A default-constructed handle is null too. Io thread only.
///
/// Everything asks check_access() first, here and nowhere else: the client's role, then whether another client holds the port.
class PortHandle {
public:
    PortHandle() = default;
    PortHandle(Channel& channel, ClientRef client, access::Role role)
        : writer_(std::make_unique<Writer>(channel, std::move(client), role)) {}

    explicit operator bool() const noexcept { return channel() != nullptr; }
    /// The port's state. Requires: not null.
    const Channel& operator*() const noexcept { return *channel(); }
    const Channel* operator->() const noexcept { return channel(); }

    /// What the client may do on this port, by the rules in force. Requires: not null.
    access::Role role() const noexcept { return writer_->role(); }
    /// `ended` is called when the client loses the role that it needs, or its session is ended, unless a reader is attached:
    /// then the reader's sink is told. The handle is null by then, and may be destroyed by the function.
    void when_ended(std::function<void(const Error& why)> ended);

    /// As Channel::attach(), with the role `read`. The reader may outlive the handle. The client is a session
    /// from now on; `mode` is what it asked for, as others see it.
    Result<std::unique_ptr<Reader>> attach(const StartPoint& start, Sink& sink,
                                           SessionMode mode = SessionMode::read_only);

    // Leases. They need the role `write`, and a takeover needs `admin`. See Writer.
    void acquire(LeaseRequest& request);
    Result<Lease> renew(std::uint64_t lease, std::optional<std::chrono::milliseconds> ttl);
    Result<void> release(std::uint64_t lease);
    /// Destroying the handle releases the port. Requires: no earlier call waits for its reply.
    void acquire_exclusive(bool takeover, std::string reason, const port::Reply<void>& reply);
    void release_exclusive();
    /// The requests that follow are made with that lease; 0: none.
    void present(std::uint64_t lease) noexcept;
    /// Whether this client may do now what needs that role. Failure::denied with the role as subject; from `write` on also
    /// Failure::refused with the holder as subject.
    Result<void> check_access(access::Role needed) const;
    /// The same without the holder.
    Result<void> check_role(access::Role needed) const;
    /// As Channel::submit(). `write` must be done or withdrawn before the handle is destroyed.
    void submit(PendingWrite& write);

    // The requests of port::Port, with the role `control`. Each fails with the error of check_access(), or with unavailable if the handle is null.
    /// Rejects invalid values even while the device is disconnected.
    void change_settings(const line::SettingsChange& change, const port::Deadline& deadline,
                         const port::Reply<line::Settings>& reply);
    void set_modem_lines(const line::SignalChange& change, const port::Reply<line::Signals>& reply);
    void send_break(std::chrono::milliseconds duration, const port::Deadline& deadline, const port::Reply<void>& reply);
    void flush(line::FlushDirection direction, const port::Reply<std::uint64_t>& reply);

    /// As Writer::yield(). Destroying the handle takes the device back.
    void yield(const std::string& reason, const port::Reply<void>& reply);

    /// As Channel::notify(), with the role `write`, also while another client holds the port.
    Result<std::uint32_t> notify(const std::string& text, const std::string& from);

    // Every client that may list the port may use these, also while another holds it.
    void read_modem_lines(const port::Reply<line::Signals>& reply);
    /// Updates settings() from the device, then calls `done`; immediately if the handle is null.
    void look(std::function<void()> done);

private:
    Result<void> permission(access::Role needed) const;
    Result<void> use(access::Role needed);
    Channel* channel() const noexcept { return writer_ != nullptr ? writer_->channel() : nullptr; }

    std::unique_ptr<Writer> writer_;
};

}  // namespace vserd::hub
