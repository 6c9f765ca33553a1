#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "capture/capture.hpp"

namespace vserd::capture {

/// Writes a capture, a line at a time.
class CaptureWriter {
public:
    using Put = std::function<Result<void>(std::string_view line)>;
    explicit CaptureWriter(Put put) : put_(std::move(put)) {}

    Result<void> begin(const Header& header);
    /// Data of more than data_bytes_max become several records.
    Result<void> add(const Record& record);
    Result<void> end();

    const End& counts() const noexcept { return counts_; }

private:
    Result<void> add_piece(const Record& record);

    Put put_;
    End counts_;
};

}  // namespace vserd::capture
