#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace vserd::hub {

/// Histogram of the time from the device read to the client write. The io thread writes it; any thread may read it.
class DeliveryHistogram {
public:
    /// Upper bounds in seconds; one more bucket counts times above the last.
    static constexpr std::array<double, 12> bounds_seconds{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6,
                                                           1e-3,  5e-3,  25e-3, 100e-3, 1.0,    10.0};

    void observe(std::chrono::steady_clock::duration elapsed) noexcept {
        const double seconds = std::chrono::duration<double>(elapsed).count();
        std::size_t bucket = 0;
        while (bucket < bounds_seconds.size() && seconds > bounds_seconds[bucket]) ++bucket;
        add(counts_[bucket], 1);
        add(sum_nanoseconds_,
            static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count()));
    }

    std::uint64_t count(std::size_t bucket) const noexcept { return counts_[bucket].load(std::memory_order_relaxed); }
    double sum_seconds() const noexcept {
        return static_cast<double>(sum_nanoseconds_.load(std::memory_order_relaxed)) * 1e-9;
    }

private:
    static void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    std::array<std::atomic<std::uint64_t>, bounds_seconds.size() + 1> counts_{};
    std::atomic<std::uint64_t> sum_nanoseconds_{0};
};

}  // namespace vserd::hub
