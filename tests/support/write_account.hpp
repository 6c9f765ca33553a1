#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/traffic.hpp"

namespace vserd::test {

/// What arrived at the far end of a port, byte by byte by the port's tx offset, and what those who wrote it were told. Any thread.
class WriteAccount {
public:
    // The far end.
    void arrived(std::string_view bytes);
    /// What lies between the last byte that arrived and this offset was on the wire when the device went away.
    void lost_until(std::uint64_t tx_offset);
    std::uint64_t next_offset() const;

    // The writers.
    void accepted(RecordId id, std::size_t size, std::uint64_t tx_offset);
    /// It was not taken whole. `taken`: what the server said that it took, if it said.
    void cut_short(RecordId id, std::optional<std::uint64_t> taken);
    /// Some of what this writer wrote was refused, and it was told so.
    void refused(std::uint32_t writer);

    /// Compares both, once nothing more comes. `complete`: whatever was accepted must have arrived.
    void check(bool complete) const;
    std::size_t accepted_count() const;

private:
    struct Arrived {
        std::uint64_t start = 0;
        std::size_t size = 0;
        std::size_t received = 0;
    };
    struct Hole {
        std::uint64_t from = 0;
        std::uint64_t to = 0;
    };
    struct Accepted {
        std::size_t size = 0;
        std::uint64_t end = 0;
    };
    enum class Place { between, head, text, unknown };

    std::size_t take(std::string_view bytes);
    void take_head();
    void take_text(std::string_view text);
    bool meets_hole(std::uint64_t from, std::uint64_t to) const;
    void check_accepted(bool complete) const;
    void check_cut_short() const;
    void check_streams() const;

    mutable std::mutex mutex_;
    std::uint64_t next_ = 0;
    Place place_ = Place::between;
    std::string head_;
    std::uint64_t head_start_ = 0;
    RecordId current_;
    std::map<RecordId, Arrived> arrived_;
    std::vector<Hole> holes_;
    std::map<RecordId, Accepted> accepted_;
    std::map<RecordId, std::optional<std::uint64_t>> cut_short_;
    std::set<std::uint32_t> refused_;
};

}  // namespace vserd::test
