#pragma once

#include <cstdint>

#include "base/lazy_deque.hpp"
#include "log/byte_log_items.hpp"
#include "rpc/text_encoder.hpp"
#include "search/line_selector.hpp"
#include "vser/v1/console_service.pb.h"

namespace vserd::rpc {

/// Turns lines that were found into ReadResponse messages, in the order of the log.
class LineEncoder {
public:
    using Messages = base::LazyDeque<::vser::v1::ReadResponse, 8>;

    explicit LineEncoder(bool text) : text_(text) {}

    /// Sends at most `bytes_max` of the line's bytes.
    void encode(search::Line line, std::uint64_t bytes_max, Messages& messages);
    void encode(const log::GapItem& gap, Messages& messages);
    /// Appends the bytes that were kept back of a character that will not be completed.
    void flush(Messages& messages);

private:
    void encode_text(const search::Line& line, Messages& messages);

    const bool text_;
    TextEncoder encoder_;
    std::uint64_t end_ = 0;  ///< of the previous line
    search::Time received_;
};

}  // namespace vserd::rpc
