#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "soak/port.hpp"

namespace vserd::soak {

struct Tally {
    std::atomic<std::uint64_t> streams = 0, bytes_read = 0, gaps = 0, writes = 0, bytes_written = 0, line_changes = 0,
                               killed = 0, unplugs = 0, reloads = 0;
};

/// What the clients share.
class World {
public:
    explicit World(std::string address) : address_(std::move(address)) {}

    const std::string& address() const { return address_; }
    Tally tally;

    void add(std::shared_ptr<Port> port);
    void remove(const Port& port);
    std::shared_ptr<Port> pick(std::mt19937_64& random, bool guests) const;
    /// Also of one that was removed.
    std::shared_ptr<Port> by_device(const std::string& device) const;
    std::uint32_t new_writer() { return ++writers_; }

    // Visitors enter before each visit, and find the door closed now and then.
    void open_door();
    /// Returns when nobody is inside any more.
    void close_door();
    void close_for_good();
    bool enter();
    void leave();

private:
    const std::string address_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<Port>> present_;
    std::map<std::string, std::shared_ptr<Port>> all_;
    std::atomic<std::uint32_t> writers_ = 0;
    std::condition_variable door_;
    bool open_ = false;
    bool over_ = false;
    unsigned inside_ = 0;
};

}  // namespace vserd::soak
