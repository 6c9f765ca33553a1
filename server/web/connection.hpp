#pragma once

#include <chrono>
#include <memory>

namespace vserd::web {

/// One client: an HTTP connection, or what became a WebSocket. The web thread.
class Connection {
public:
    Connection() = default;
    virtual ~Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    virtual void start() = 0;
    /// Ends the connection as soon as what is under way is over: the server stops.
    virtual void finish() = 0;
    /// Ends the connection immediately.
    virtual void close() = 0;
    /// Since when it waits for a request; nothing: it does not.
    virtual std::chrono::steady_clock::time_point idle_since() const noexcept = 0;
};

/// Keeps the open connections.
class Registry {
public:
    virtual void replace(const Connection& old, std::shared_ptr<Connection> by) = 0;
    virtual void remove(const Connection& connection) = 0;

protected:
    ~Registry() = default;
};

}  // namespace vserd::web
