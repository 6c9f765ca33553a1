#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// Offsets and event numbers below these may have been handed out.
struct Reservation {
    std::string log_id;
    std::uint64_t offset = 0;
    std::uint64_t event = 0;

    friend bool operator==(const Reservation&, const Reservation&) = default;
};

inline constexpr std::uint64_t reserved_bytes = std::uint64_t{64} << 20U;
inline constexpr std::uint64_t reserved_events = std::uint64_t{1} << 16U;

/// The next reservation for a log whose head is there: store it before the log goes past the present one. The halves overlap,
/// so that there is time to store the next one: see is_due().
Reservation reservation_for(std::string log_id, std::uint64_t next_offset, std::uint64_t next_event);
/// Whether less than half of a step is left.
bool is_due(const Reservation& reservation, std::uint64_t next_offset, std::uint64_t next_event) noexcept;

/// PORT/state: the reservation of a port's log, so that after a power loss no offset is given twice. The file has two records
/// with checksums that are written in turn, so one of them is always right. One thread at a time; calls block on the disk.
class OffsetReservation {
public:
    /// Failure::invalid_argument: the file has no valid record. Then offsets must begin past everything else that is known.
    static Result<OffsetReservation> open(std::string port_directory);
    /// The same to look only: needs no permission to write.
    static Result<std::optional<Reservation>> look(const std::string& port_directory);

    /// Empty: nothing was ever reserved.
    const std::optional<Reservation>& stored() const noexcept { return stored_; }
    /// Whether the file exists: nobody has deleted it.
    bool is_there() const;
    /// Makes it durable. If that fails, the former one still counts.
    Result<void> store(const Reservation& reservation);

private:
    explicit OffsetReservation(std::string port_directory);
    Result<void> create(const Reservation& reservation);
    Result<void> read(int flags);

    std::string directory_;
    std::string path_;
    base::Fd file_;
    std::uint64_t sequence_ = 0;
    std::optional<Reservation> stored_;
};

}  // namespace vserd::archive
