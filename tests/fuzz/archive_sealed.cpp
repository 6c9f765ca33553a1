// A sealed segment of known bytes with a damaged seek table and damaged frames: nothing crashes and every byte that is read is
// right. Also a seek table of arbitrary bytes.
#include "fuzz/archive_rig.hpp"

#include "archive/seek_table.hpp"

using namespace vserd;

namespace {

void read_table(Input& input) {
    const std::uint64_t file_bytes = input.number();
    const std::string_view text = input.rest();
    const auto table = archive::SeekTable::unpacked(std::as_bytes(std::span{text}), file_bytes);
    if (!table) {
        require(!table.error().message.empty(), "a seek table that is not accepted says why");
        return;
    }
    std::uint64_t at = 0;
    for (const auto& frame : table->frames()) {
        require(frame.at == at && frame.bytes > 0, "the frames follow each other");
        require(&table->frames()[table->frame_at(at)] == &frame, "the first byte of a frame is in it");
        at += frame.bytes;
    }
    require(table->content_bytes() == at, "the frames are all of the content");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    if (input.byte() % 2 == 1) {
        read_table(input);
        return 0;
    }
    ArchiveRig rig("sealed");
    rig.fill(input, 3000);
    rig.seal();
    for (int i = 0; i < 20 && !input.empty(); ++i) rig.damage_data(input);

    rig.read_everything(true);
    return 0;
}
