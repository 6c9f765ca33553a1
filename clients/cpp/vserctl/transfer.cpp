#include "vserctl/transfer.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "vserctl/attach_signals.hpp"
#include "vserctl/connect_console.hpp"
#include "vserctl/describe.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/piped_process.hpp"
#include "vserctl/transfer_session.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace files = std::filesystem;
namespace {

// Little is on its way, so that a cancel is quick and the protocol's timeouts hold on slow lines.
constexpr std::size_t tx_on_the_way_max = 4096;
constexpr const char* zmodem_window = "16384";

/// The directory into which rb and rz write, which choose the name that the peer gives. It is removed at the end.
class ArrivalDirectory {
public:
    /// Beside `file`, so that a rename moves what arrived there.
    explicit ArrivalDirectory(const files::path& file) {
        auto name = (file.has_parent_path() ? file.parent_path() : files::path(".")) / ".vserctl-XXXXXX";
        path_ = name.string();
        if (::mkdtemp(path_.data()) == nullptr)
            throw std::system_error(errno, std::generic_category(),
                                    "cannot create a directory beside " + file.string());
        path_ = files::absolute(path_).string();
    }
    ~ArrivalDirectory() {
        std::error_code error;
        files::remove_all(path_, error);
    }
    ArrivalDirectory(const ArrivalDirectory&) = delete;
    ArrivalDirectory& operator=(const ArrivalDirectory&) = delete;

    const std::string& path() const noexcept { return path_; }
    void move_to(const files::path& file) const {
        std::vector<files::path> arrived;
        for (const auto& entry : files::directory_iterator(path_)) arrived.push_back(entry.path());
        if (arrived.size() != 1)
            throw std::runtime_error(fmt::format("the device sent {} files, not one", arrived.size()));
        files::rename(arrived.front(), file);
    }

private:
    std::string path_;
};

std::string program_of(const TransferCommand& command) {
    const std::string prefix = command.sends ? "s" : "r";
    switch (command.protocol) {
        case TransferProtocol::xmodem: return prefix + "x";
        case TransferProtocol::ymodem: return prefix + "b";
        default: return prefix + "z";
    }
}

std::vector<std::string> words_of(const TransferCommand& command, const std::string& program) {
    std::vector<std::string> words{program, "--binary"};
    if (command.sends) {
        if (command.protocol == TransferProtocol::zmodem) words.insert(words.end(), {"--windowsize", zmodem_window});
        words.insert(words.end(), {"--", files::absolute(command.file).string()});
    } else if (command.protocol == TransferProtocol::xmodem) {
        words.insert(words.end(), {"--with-crc", "--", "file"});
    } else {
        words.emplace_back("--restricted");
    }
    return words;
}

TransferProgress::Style style_of(const Options& options) {
    if (options.json) return TransferProgress::Style::json;
    return ::isatty(STDERR_FILENO) != 0 ? TransferProgress::Style::bar : TransferProgress::Style::none;
}

void report(const TransferCommand& command, std::uint64_t bytes, std::chrono::nanoseconds time, bool json) {
    const auto seconds = std::chrono::duration<double>(time).count();
    if (!json) {
        put(fmt::format("{} {}: {} bytes in {}\n", command.sends ? "sent" : "received", printable(command.file), bytes,
                        human_duration(time)));
        return;
    }
    JsonObject done;
    done.field("port", command.port).field("file", command.file).field("bytes", bytes);
    done.field("milliseconds", static_cast<std::uint64_t>(seconds * 1000));
    put(JsonObject().field(command.sends ? "sent" : "received", done).text() + "\n");
}

TransferSession::End transfer(client::Console& console, const TransferCommand& command, const std::string& program,
                              const Options& options) {
    const auto begin = std::chrono::steady_clock::now();
    std::optional<ArrivalDirectory> arrival;
    if (!command.sends) arrival.emplace(command.file);
    PipedProcess process(words_of(command, program), arrival ? arrival->path() : "/");
    const auto total = command.sends ? files::file_size(command.file) : 0;
    TransferProgress progress(files::path(command.file).filename().string(), total, style_of(options));
    auto end = TransferSession(console, process, progress, command.wait).run();
    if (!end.error.empty() || end.signal) return end;
    if (arrival) arrival->move_to(command.file);
    report(command, files::file_size(command.file), std::chrono::steady_clock::now() - begin, options.json);
    return end;
}

}  // namespace

int run_transfer(const client::ConnectOptions& connect, const TransferCommand& command, const Options& options) {
    const auto name = program_of(command);
    const auto program = PipedProcess::find(name);
    if (!program) return print_error(fmt::format("{} is not installed; install the package lrzsz", name), options.json);
    if (command.sends && !files::is_regular_file(command.file))
        return print_error(fmt::format("{}: not a file that can be sent", command.file), options.json);
    if (command.sends && ::access(command.file.c_str(), R_OK) != 0)
        return print_error(fmt::format("{}: {}", command.file, std::system_category().message(errno)), options.json);

    client::ConsoleOptions console;
    console.mode = client::Mode::exclusive;
    console.client = client_name();
    console.reconnect = false;  // the protocol's state would be lost
    console.tx_bytes_max = tx_on_the_way_max;
    auto connected = connect_console(options.server, connect, command.port, std::move(console));
    if (!connected) return print_error(connected.error(), options.json);
    const auto end = transfer(connected->console, command, *program, options);
    connected->console.close();
    if (end.signal) AttachSignals::die_of(*end.signal);
    if (end.console_error) return print_error(*end.console_error, options.json);
    if (end.error.empty()) return exit_ok;
    return print_error(fmt::format("{} failed: {}", name, end.error), options.json);
}

}  // namespace vserctl
