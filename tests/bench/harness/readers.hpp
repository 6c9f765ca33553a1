#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "harness/bridge.hpp"
#include "harness/pattern.hpp"

namespace vserd::bench {

/// Many client streams that only read, served by one thread.
class Readers {
public:
    explicit Readers(std::size_t count) : checks_(count) {}
    virtual ~Readers() = default;
    Readers(const Readers&) = delete;
    Readers& operator=(const Readers&) = delete;

    const std::deque<StreamCheck>& checks() const noexcept { return checks_; }
    std::uint64_t received_sum() const noexcept;
    /// Of those that read; a stopped one does not count.
    std::uint64_t received_least() const noexcept;
    bool all_synced() const noexcept;
    bool all_intact() const noexcept;
    bool stopped(std::size_t reader) const noexcept { return reader < stopped_count_; }

protected:
    std::deque<StreamCheck> checks_;  // a deque, because atomics do not move
    std::size_t stopped_count_ = 0;   ///< that many of the first stop reading once they are synced
};

/// How the readers are laid out.
struct ReadPlan {
    std::size_t lines = 1;
    std::size_t readers_per_line = 1;
    std::size_t stopped = 0;      ///< of the readers, how many stop
    bool one_connection = false;  ///< gRPC: all streams share one; otherwise each reader has its own
    bool collect = false;         ///< gRPC: one Collect stream; then each line is one reader
};

/// Reader i reads line i % lines.
std::unique_ptr<Readers> tcp_readers(const Bridge& bridge, const ReadPlan& plan);
std::unique_ptr<Readers> grpc_readers(const Bridge& bridge, const ReadPlan& plan);
std::unique_ptr<Readers> web_readers(const Bridge& bridge, const ReadPlan& plan);
/// One, of the line itself: the limit that no bridge can beat.
std::unique_ptr<Readers> direct_readers(const Line& line);
/// What fits the bridge.
std::unique_ptr<Readers> make_readers(const Bridge& bridge, const ReadPlan& plan);

}  // namespace vserd::bench
