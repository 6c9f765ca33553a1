// A capture file of arbitrary bytes, or one with a line damaged. What is read can be written and read again with the same
// result, errors name the file, and no read takes more than a line's memory.
#include "capture/capture_lines.hpp"
#include "capture/capture_reader.hpp"
#include "fuzz/fuzz.hpp"
#include "unit/capture_support.hpp"

using namespace vserd;

namespace {

std::vector<capture::Record> read_all(const std::string& content, bool& failed) {
    std::vector<capture::Record> records;
    auto reader = capture::CaptureReader::read(capture::file_with(content), "F");
    failed = !reader;
    if (failed) require(reader.error().message.starts_with("F:1: "), "an error names the file and the line");
    while (!failed) {
        auto next = reader->next();
        failed = !next;
        if (failed) require(next.error().message.starts_with("F:"), "an error names the file and the line");
        if (failed || !*next) break;
        records.push_back(std::move(**next));
    }
    return records;
}

std::string damaged(Input& input) {
    std::string content = capture::capture_of({capture::rx(0, 0, "login: "), capture::tx(5, 0, "root\r"),
                                               capture::event(7, "offline", "unplugged"), capture::rx(9, 7, "more")});
    for (int i = 0; i < 8 && !input.empty(); ++i) {
        const std::size_t at = (std::size_t{input.byte()} << 8U | input.byte()) % content.size();
        content.replace(at, input.byte() % 4, input.take(input.byte() % 8));
        if (content.empty()) content = "\n";
    }
    return content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const bool whole = input.byte() % 2 == 0;
    const std::string content = whole ? std::string(input.rest()) : damaged(input);

    bool failed = false;
    const auto records = read_all(content, failed);
    bool failed_again = false;
    const auto again = read_all(capture::capture_of(records), failed_again);
    require(!failed_again && again == records, "what was read is written and read again");
    return 0;
}
