#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "vser_client/console.hpp"
#include "vser_client/result.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {

/// Writing to stdout failed: the disk is full or the pipe is closed. what() is the message.
class OutputFailed : public std::runtime_error {
public:
    explicit OutputFailed(int error_number);
};

/// Writes the whole text, and waits if another process made the descriptor non-blocking. Returns 0, or the errno.
int write_all(int fd, std::string_view text) noexcept;
/// Writes the whole text to stdout at once. Throws OutputFailed.
void put(std::string_view text);
/// Writes the whole text to stderr. If that fails, the message is lost and message_was_lost() returns true, so that the exit
/// status can report it.
void put_message(std::string_view text) noexcept;
bool message_was_lost() noexcept;
/// Writes "[vserctl: ...]" to stderr, for a message between a port's bytes.
void put_note(const std::string& text) noexcept;

/// Prints an error and its fix in one line on stderr; with `json`, {"error": {...}}. Returns the exit code.
int print_error(const vser::client::Error& error, bool json);
/// The same for a local error. Returns exit_refused.
int print_error(const std::string& message, bool json);

/// Prints the items of a log: bytes unchanged and messages on stderr, or JSON lines.
class ItemPrinter {
public:
    using Out = std::function<void(std::string_view)>;

    ItemPrinter(Out out, bool json, bool base64, bool events)
        : out_(std::move(out)), json_(json), base64_(base64), events_(events) {}

    void print(const vser::client::ConsoleItem& item);
    /// Prints an incomplete character that was held back. Call it at the end.
    void finish();

private:
    void print_data(const vser::client::Data& data);
    void put_text(const Utf8Stream::Text& text, vser::client::Time time);

    Out out_;
    bool json_;
    bool base64_;
    bool events_;
    Utf8Stream utf8_;
    vser::client::Time last_time_;
};

}  // namespace vserctl
