#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "vser_client/client.hpp"

namespace vserctl {

/// Holds the device of a port that vserd has given up. If the server ends the call, because it restarts, asks for the device
/// again until it is released.
class YieldedDevice {
public:
    struct Request {
        std::string port;
        std::string reason;
        std::string client;
    };

    /// `note` gets messages, on a thread of this object.
    YieldedDevice(vser::client::Client client, Request request, std::function<void(const std::string&)> note);
    ~YieldedDevice() { release(); }
    YieldedDevice(const YieldedDevice&) = delete;
    YieldedDevice& operator=(const YieldedDevice&) = delete;

    /// Waits until vserd has closed the device; returns its path.
    vser::client::Result<std::string> acquire();
    /// vserd may open the device again. Waits up to release_limit until it has done so.
    void release();

private:
    void keep();
    bool ask_again();
    void wait_until_open() const;

    vser::client::Client client_;
    const Request request_;
    const std::function<void(const std::string&)> note_;
    vser::client::Stream<vser::client::YieldedDevice> stream_;  ///< replaced by the thread, under mutex_
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool released_ = false;  ///< guarded by mutex_
};

}  // namespace vserctl
