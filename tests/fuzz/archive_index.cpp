// An archive of known bytes whose index is damaged, also where its checksums were mended after it. Nothing crashes, what is
// read follows in order, and if no checksum was mended every byte is right. A writer can go on from it.
#include "fuzz/archive_rig.hpp"

using namespace vserd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    ArchiveRig rig("index");
    rig.fill(input, 3000);
    const unsigned how = input.byte();
    for (int i = 0; i < 20 && !input.empty(); ++i) rig.damage_index(input);
    const bool mended = how % 2 == 1;
    if (mended) rig.mend_checksums();

    rig.read_everything(!mended);
    rig.write_on(input, !mended);
    return 0;
}
