#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "io/engine.hpp"

namespace vserd::io {

/// Judges whether the daemon makes so many small reads that ports should rest between two of them.
class ReadLoad {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds window{100};
    static constexpr double begin_per_second = 4000;
    /// Less than that of the ports that rest.
    static constexpr double end_per_second = 1000;
    /// Resting makes the reads fewer, so after this time the load is judged again without it.
    static constexpr std::chrono::seconds high_time_max{5};

    /// Counts a small read.
    void count(Time now) noexcept {
        ++reads_;
        if (now - window_begin_ >= window) judge(now);
    }
    bool is_high() const noexcept { return high_; }

private:
    void judge(Time now) noexcept {
        const double rate = reads_ / std::chrono::duration<double>(now - window_begin_).count();
        if (!high_) high_since_ = now;
        high_ = high_ ? rate >= end_per_second && now - high_since_ < high_time_max : rate >= begin_per_second;
        reads_ = 0;
        window_begin_ = now;
    }

    bool high_ = false;
    Time high_since_{};
    Time window_begin_{};
    unsigned reads_ = 0;
};

/// While the daemon makes many small reads, lets ports rest before they read again, as a network card moderates its interrupts:
/// one read then brings several pieces, and one wake-up serves several ports. A port reads again at its own tick, which comes
/// once in `period`. The ports share a tick, and more than `ports_per_tick` are spread over several. Io thread only.
class ReadRest {
public:
    using Time = ReadLoad::Time;
    static constexpr std::chrono::milliseconds period{20};
    static constexpr std::size_t ticks_per_period = 10;
    static constexpr std::chrono::milliseconds tick = period / ticks_per_period;
    static constexpr std::size_t ports_per_tick = 64;
    /// From the first read after a write: the device answers.
    static constexpr std::chrono::seconds awake_time{1};
    /// Larger reads are not followed by a rest.
    static constexpr std::size_t small_bytes = read_gather_threshold_bytes;

    /// Whether no more than `small_bytes` arrive at this speed during the longest rest. A terminal of the kernel holds 4095.
    /// 0: unknown.
    static constexpr bool is_slow(std::uint32_t baud) noexcept {
        constexpr std::uint32_t bits_per_character = 10;
        constexpr std::uint32_t periods_per_second = std::chrono::seconds{1} / period;
        return baud > 0 && baud / bits_per_character / periods_per_second <= small_bytes;
    }

    /// The part of a port that rests. It may be destroyed at any time.
    class Port : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    public:
        using ReadAgain = void (*)(void* owner) noexcept;
        Port(void* owner, ReadAgain read_again) noexcept : owner_(owner), read_again_(read_again) {}

        bool is_resting() const noexcept { return is_linked(); }
        /// Ends the rest without a read, and returns whether there was one.
        bool end() noexcept {
            if (!is_linked()) return false;
            unlink();
            return true;
        }
        /// Bytes were written to the device: the port does not rest until it has answered for awake_time.
        void stay_awake() noexcept { was_written_to_ = true; }

    private:
        friend class ReadRest;
        void* owner_;
        ReadAgain read_again_;
        bool was_written_to_ = false;
        Time awake_until_{};
        std::size_t turn_ = ticks_per_period;  ///< its tick in each period; none before the first rest
    };

    /// A read brought fewer than `small_bytes`. Returns whether the daemon makes many such reads.
    bool many_reads(Time now) noexcept {
        load_.count(now);
        return load_.is_high();
    }

    /// Lets the port rest until its next tick, unless it was written to lately. Returns whether it rests.
    bool begin(Port& port, Time now) noexcept {
        if (std::exchange(port.was_written_to_, false)) port.awake_until_ = now + awake_time;
        if (now < port.awake_until_) return false;
        if (port.turn_ == ticks_per_period) port.turn_ = ports_++ / ports_per_tick % ticks_per_period;
        if (!is_ticking()) last_tick_ = number_of(now);
        resting_[port.turn_].push_back(port);
        return true;
    }

    /// Whether any port rests.
    bool is_ticking() const noexcept {
        for (const auto& ports : resting_) {
            if (!ports.empty()) return true;
        }
        return false;
    }
    /// When to call end_due() next, if any port rests.
    Time next_tick() const noexcept { return Time{} + (last_tick_ + 1) * tick; }
    /// The ports whose tick has come read again.
    void end_due(Time now) noexcept {
        const auto now_tick = number_of(now);
        for (std::size_t ticks = 0; ticks < ticks_per_period && last_tick_ < now_tick; ++ticks)
            read_again(++last_tick_);
        last_tick_ = now_tick;
    }

private:
    using Ports = boost::intrusive::list<Port, boost::intrusive::constant_time_size<false>>;
    using Number = std::int64_t;

    static Number number_of(Time time) noexcept { return time.time_since_epoch() / tick; }
    void read_again(Number number) noexcept {
        Ports due;
        due.swap(resting_[static_cast<std::size_t>(number) % ticks_per_period]);
        while (!due.empty()) {
            Port& port = due.front();
            port.unlink();
            port.read_again_(port.owner_);
        }
    }

    ReadLoad load_;
    std::array<Ports, ticks_per_period> resting_;  ///< by Port::turn_
    Number last_tick_ = 0;                         ///< the last that end_due() has served
    std::size_t ports_ = 0;                        ///< that have rested
};

}  // namespace vserd::io
