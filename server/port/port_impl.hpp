#pragma once

#include "port/connection.hpp"
#include "port/life.hpp"
#include "port/line_calls.hpp"
#include "port/line_watch.hpp"
#include "port/port.hpp"
#include "port/port_status.hpp"
#include "port/transmitter.hpp"

namespace vserd::port {

/// The parts of a port. Timers and worker jobs refer to it through `life`.
class Port::Impl {
public:
    Impl(PortEnvironment environment, PortConfig config, Listener& listener);

    void start(PortResume resume);
    void reconfigure(const PortConfig& wanted, Reply<line::Settings> reply);

    Life life;
    PortStatus status;
    LineCalls calls;
    Transmitter transmitter;
    LineWatch watch;
    Connection connection;

private:
    void apply_configured();

    Reply<line::Settings> reconfigured_;
};

}  // namespace vserd::port
