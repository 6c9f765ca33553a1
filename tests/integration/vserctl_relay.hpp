#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vserd::test {

/// A network that can fail: passes connections on a Unix socket to another one, and can cut and refuse them.
class Relay {
public:
    Relay(std::string listen_path, std::string target_path);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// Breaks every connection, in the middle of whatever it was doing.
    void cut();
    /// While true, connections are closed as soon as they are made.
    void refuse(bool on) { refusing_ = on; }

private:
    void serve();
    void pass(int from, int to);

    std::string target_path_;
    int listener_;
    std::atomic<bool> refusing_{false};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<int> sockets_;
    std::vector<std::thread> passing_;
    std::thread serving_;
};

}  // namespace vserd::test
