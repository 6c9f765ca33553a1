#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "io/loop.hpp"

namespace vserd {

/// Receives SIGTERM, SIGINT, SIGHUP and SIGUSR1 on the io thread. They must be blocked in all threads.
class Signals {
public:
    Signals(io::Loop& loop, std::function<void(int signal)> taken);

private:
    void wait();

    boost::asio::posix::stream_descriptor descriptor_;
    const std::function<void(int signal)> taken_;
};

}  // namespace vserd
