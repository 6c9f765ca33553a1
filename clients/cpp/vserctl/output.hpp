#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "vser_client/console.hpp"
#include "vser_client/result.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {

/// stdout takes no more: a full disk, a closed pipe. what() is the message.
class OutputFailed : public std::runtime_error {
public:
    explicit OutputFailed(int error_number);
};

/// Writes all of it. A descriptor that another process made non-blocking is waited for. Returns 0, or the errno.
int write_all(int fd, std::string_view text) noexcept;
/// Writes all of it to stdout, at once. Throws OutputFailed.
void put(std::string_view text);
/// The same to stderr. What cannot be written there is lost, and message_was_lost() is true from then on: the exit status is
/// what is left to say so.
void put_message(std::string_view text) noexcept;
bool message_was_lost() noexcept;
/// "[vserctl: ...]" on stderr: a message in the middle of a log.
void put_note(const std::string& text) noexcept;

/// One line on stderr: what happened and what to do; with `json`, {"error": {...}}. Returns the exit code.
int complain(const vser::client::Error& error, bool json);
/// The same for a failure on this side; returns exit_refused.
int complain(const std::string& message, bool json);

/// Prints the items of a log: as they are, with messages on stderr, or as JSON lines.
class ItemPrinter {
public:
    using Out = std::function<void(std::string_view)>;

    ItemPrinter(Out out, bool json, bool base64, bool events)
        : out_(std::move(out)), json_(json), base64_(base64), events_(events) {}

    void print(const vser::client::ConsoleItem& item);
    /// Prints what is still held back, the beginning of a character. Call it at the end.
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
