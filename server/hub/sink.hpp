#pragma once

#include "base/result.hpp"

namespace vserd::hub {

/// Takes the items of one reader: a gRPC stream, a log collector, a test recorder. Called on the io thread.
///
/// The sink pulls: it calls Reader::next() while it has room, with at most one delivery outstanding. After next() has returned
/// nothing, on_available() reports new items. So bytes are sent at once while the sink is idle, and gather while it is busy.
class Sink {
public:
    virtual ~Sink() = default;
    virtual void on_available() = 0;
    /// Nothing more will come: a reload removed the port (Failure::unavailable, subject "removed"), the server is shutting down,
    /// or the client may not read any more. Destroy the reader, now or soon.
    virtual void on_closed(const Error& why) = 0;
};

}  // namespace vserd::hub
