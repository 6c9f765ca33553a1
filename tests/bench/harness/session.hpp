#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/fd.hpp"
#include "harness/bridge.hpp"
#include "harness/line_end.hpp"
#include "vser_client.hpp"

namespace vserd::bench {

/// One client of one line, both ways, blocking.
class Session {
public:
    virtual ~Session() = default;
    virtual void write(std::span<const std::byte> bytes) = 0;
    /// Some bytes, at least one; 0 at the end.
    virtual std::size_t read(std::span<std::byte> space) = 0;
    /// Gets a thread out of write(). Any thread.
    virtual void cancel() = 0;
};

/// `direct` opens the line itself: the limit that no bridge can beat.
std::unique_ptr<Session> direct_session(const Line& line);
/// A connection of Bridge::connect().
std::unique_ptr<Session> tcp_session(base::Fd fd);
/// The same with conserver's quotes.
std::unique_ptr<Session> conserver_session(base::Fd fd);
/// One message for each write(), bytes as gRPC's slices, the caller's own thread.
std::unique_ptr<Session> raw_session(const std::string& address, const std::string& port);
/// The C++ client library, which gathers small writes.
std::unique_ptr<Session> library_session(const std::string& address, const std::string& port,
                                         const vser::client::ConnectOptions& options = {});

/// What fits the contender; of line "p0".
std::unique_ptr<Session> open_session(const std::string& contender, const Bridge& bridge);

}  // namespace vserd::bench
