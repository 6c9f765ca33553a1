#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "net/listen_socket.hpp"

namespace vserd::net {

/// Accepts connections on a thread with an io_context: for front ends whose connections are asynchronous there too. Not thread-safe.
class AcceptLoop {
public:
    /// Takes a connection from `peer`. Returns false if descriptors or memory have run out: new clients then wait in the backlog for
    /// a moment.
    using Accepted = std::function<bool(base::Fd connection, const sockaddr_storage& peer, socklen_t size)>;

    /// `context` outlives this.
    AcceptLoop(boost::asio::io_context& context, std::vector<ListenSocket> sockets, Accepted accepted);
    ~AcceptLoop();  ///< calls stop()
    AcceptLoop(const AcceptLoop&) = delete;
    AcceptLoop& operator=(const AcceptLoop&) = delete;

    void start();
    /// Closes the sockets as soon as `context` runs. `accepted` is not called any more.
    void stop();

private:
    struct Listener;

    void wait(Listener& listener);
    bool accept_some(Listener& listener);

    boost::asio::io_context& context_;
    const Accepted accepted_;
    std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace vserd::net
