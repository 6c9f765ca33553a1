#pragma once

#include <optional>

#include "archive/packing.hpp"
#include "port/event.hpp"

namespace vserd::archive {

/// An event as bytes that later versions can read: the kind by a number that is never used for another one, then its fields.
/// New fields go to the end, and are empty in older archives. Long texts are cut, so that the result has at most
/// payload_bytes_max bytes.
Bytes packed(const port::Event& event);

/// Empty if this version does not know the kind. Texts are printable; values that are out of range become the first one.
std::optional<port::Event> unpacked_event(ByteView payload);

}  // namespace vserd::archive
