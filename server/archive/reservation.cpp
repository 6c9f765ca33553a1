#include "archive/reservation.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "archive/crc32c.hpp"
#include "archive/files.hpp"
#include "archive/index_format.hpp"
#include "archive/names.hpp"
#include "base/text.hpp"

namespace vserd::archive {
namespace {

constexpr std::string_view reservation_magic = "VSERDRSV";
constexpr std::uint32_t reservation_version = 1;
constexpr std::size_t reservation_record_bytes = 128;
constexpr std::uint64_t record_distance = 4096;  // so that a torn write reaches one of them only

struct NumberedReservation {
    std::uint64_t sequence = 0;
    Reservation reservation;
};

Bytes packed_reservation(const NumberedReservation& numbered) {
    Packer bytes;
    bytes.raw(std::as_bytes(std::span{reservation_magic})).number(reservation_version);
    bytes.number(numbered.sequence).number(numbered.reservation.offset).number(numbered.reservation.event);
    bytes.text(numbered.reservation.log_id).fill(reservation_record_bytes - sizeof(std::uint32_t));
    bytes.number(crc32c(bytes.bytes()));
    return bytes.take();
}

std::optional<NumberedReservation> unpacked_reservation(ByteView bytes) {
    if (bytes.size() < reservation_record_bytes) return std::nullopt;
    const ByteView checked = bytes.first(reservation_record_bytes - sizeof(std::uint32_t));
    Unpacker fields(bytes);
    const ByteView magic = fields.raw(reservation_magic.size());
    if (!std::ranges::equal(magic, std::as_bytes(std::span{reservation_magic}))) return std::nullopt;
    if (Unpacker(bytes.subspan(checked.size())).number<std::uint32_t>() != crc32c(checked)) return std::nullopt;
    if (fields.number<std::uint32_t>() != reservation_version) return std::nullopt;
    NumberedReservation numbered;
    numbered.sequence = fields.number<std::uint64_t>();
    numbered.reservation.offset = fields.number<std::uint64_t>();
    numbered.reservation.event = fields.number<std::uint64_t>();
    numbered.reservation.log_id = base::printable_text(fields.text());
    return numbered;
}

std::uint64_t rounded_up(std::uint64_t number, std::uint64_t step) noexcept { return (number / step + 2) * step; }

}  // namespace

Reservation reservation_for(std::string log_id, std::uint64_t next_offset, std::uint64_t next_event) {
    return {std::move(log_id), rounded_up(next_offset, reserved_bytes), rounded_up(next_event, reserved_events)};
}

bool is_due(const Reservation& reservation, std::uint64_t next_offset, std::uint64_t next_event) noexcept {
    return next_offset + reserved_bytes / 2 > reservation.offset ||
           next_event + reserved_events / 2 > reservation.event;
}

OffsetReservation::OffsetReservation(std::string port_directory)
    : directory_(std::move(port_directory)), path_(path_in(directory_, reservation_name)) {}

Result<OffsetReservation> OffsetReservation::open(std::string port_directory) {
    OffsetReservation reservation(std::move(port_directory));
    if (auto read = reservation.read(O_RDWR); !read) return read.error();
    return reservation;
}

Result<std::optional<Reservation>> OffsetReservation::look(const std::string& port_directory) {
    OffsetReservation reservation(port_directory);
    if (auto read = reservation.read(O_RDONLY); !read) return read.error();
    return reservation.stored_;
}

Result<void> OffsetReservation::read(int flags) {
    auto file = open_file(path_, flags);
    if (!file && file.error().errno_value == ENOENT) return {};
    if (!file) return file.error();
    file_ = std::move(*file);
    for (const std::uint64_t at : {std::uint64_t{0}, record_distance}) {
        std::array<std::byte, reservation_record_bytes> bytes{};
        const auto got = read_at(file_, bytes, at, path_);
        if (!got) return got.error();
        auto found = unpacked_reservation(ByteView(bytes).first(*got));
        if (!found || (stored_ && found->sequence < sequence_)) continue;
        sequence_ = found->sequence;
        stored_ = std::move(found->reservation);
    }
    if (stored_) return {};
    return Error{Failure::invalid_argument, 0, {}, path_ + " is damaged: it has no valid reservation"};
}

bool OffsetReservation::is_there() const {
    struct stat status {};
    return file_ && ::fstat(file_.get(), &status) == 0 && status.st_nlink > 0;
}

Result<void> OffsetReservation::store(const Reservation& reservation) {
    if (reservation.log_id.size() > log_id_bytes_max)
        return Error{Failure::invalid_argument, 0, "log_id", "the log id is too long for the archive"};
    if (!is_there()) return create(reservation);
    const NumberedReservation next{sequence_ + 1, reservation};
    const std::uint64_t at = next.sequence % 2 * record_distance;
    if (auto written = write_at(file_, packed_reservation(next), at, path_); !written) return written;
    if (auto synced = sync_data(file_, path_); !synced) return synced;
    sequence_ = next.sequence;
    stored_ = reservation;
    return {};
}

Result<void> OffsetReservation::create(const Reservation& reservation) {
    if (auto made = make_directory(directory_); !made) return made;
    const std::string temporary = path_ + std::string(temporary_suffix);
    auto file = open_file(temporary, O_RDWR | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    const NumberedReservation first{sequence_ + 1, reservation};
    const std::uint64_t at = first.sequence % 2 * record_distance;
    if (auto written = write_at(*file, packed_reservation(first), at, temporary); !written) return written;
    if (auto synced = sync_data(*file, temporary); !synced) return synced;
    if (auto renamed = rename_file(temporary, path_); !renamed) return renamed;
    if (auto synced = sync_directory(directory_); !synced) return synced;
    file_ = std::move(*file);
    sequence_ = first.sequence;
    stored_ = reservation;
    return {};
}

}  // namespace vserd::archive
