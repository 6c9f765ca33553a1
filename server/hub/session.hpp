#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/authority.hpp"
#include "hub/client.hpp"
#include "hub/port_handle.hpp"
#include "io/loop.hpp"

namespace vserd::hub {

class DeliveryHistogram;
class Hub;
class PortWatcher;

/// Counts as one of the hub's concurrent byte streams ([server] streams_max) until it is destroyed.
struct StreamRelease {
    void operator()(std::uint32_t* streams) const noexcept { --*streams; }
};
using StreamSlot = std::unique_ptr<std::uint32_t, StreamRelease>;

/// One identity connected through one face: the only way from a face to a port. Ports that the identity may not list do not
/// exist for it. May be created on any thread; all other use is on the io thread.
class Session {
public:
    /// `hub` outlives the session.
    Session(Hub& hub, Client client) : hub_(hub), client_(std::make_shared<const Client>(std::move(client))) {}

    const Client& client() const noexcept { return *client_; }
    /// What the client may do on that port, by the rules in force.
    access::Role role(std::string_view port) const;
    /// The rules in force. Any thread.
    access::AuthorityRef authority() const;
    /// Whether the rules grant the client anything at all. Failure::denied if not. Any thread.
    Result<void> check_known() const;

    /// Adds the names of a client certificate (PEM) that the face has verified.
    void add_certificate(std::string_view pem);

    /// Records that a client could not prove who it is. Any thread.
    void audit_unknown(std::string_view via, const std::string& peer, const Error& why) const;

    /// Visits all ports in the order of their names.
    void for_each_port(const std::function<void(const Channel&)>& visit) const;
    /// Null if there is no port of that name.
    const Channel* find(std::string_view port) const;
    /// The first port after that name; null: none.
    const Channel* port_after(std::string_view name) const;
    /// Failure::not_found with the closest name in the message; invalid_argument (subject "port") for an empty name.
    Result<PortHandle> open(std::string_view port);
    /// A byte stream keeps the result as long as it runs. Failure::exhausted (subject "streams_max").
    Result<StreamSlot> open_stream();

    /// The sessions of that port, the oldest first.
    std::vector<SessionInfo> sessions(const Channel& channel) const;
    /// Ends a session of any client, with the role `admin` on its port. `by` and `reason` are shown to that client. Failures:
    /// no_session, also if the client may not list the port; denied.
    Result<void> end_session(const std::string& id, const std::string& by, const std::string& reason);
    /// How others see the client as the author of something: its name (or `name`), and who it has proved to be.
    std::string signature(const std::string& name) const;

    void add_watcher(PortWatcher& watcher);
    void remove_watcher(PortWatcher& watcher) noexcept;

    io::Loop& loop() const noexcept;
    bool shutting_down() const noexcept;
    /// Counts the delivery time from the device to this face's clients.
    DeliveryHistogram& delivery() noexcept;

private:
    void audit_hidden(std::string_view port) const;

    Hub& hub_;
    ClientRef client_;
};

}  // namespace vserd::hub
