#pragma once

namespace vserd::hub {

/// Who takes what a reader reads: a gRPC stream, a log collector, a test recorder. Called on the io thread.
///
/// The sink pulls: it calls Reader::next() while it has room (at most one delivery outstanding) and is told here when
/// there is something again after next() had nothing. So idle means send at once, and busy means that bytes gather.
class Sink {
public:
    virtual ~Sink() = default;
    virtual void on_available() = 0;
    /// The port was removed by a reload, or the server is going down: nothing more will come. The reader must be
    /// destroyed, now or soon.
    virtual void on_closed() = 0;
};

}  // namespace vserd::hub
