#pragma once

#include <string>
#include <string_view>

#include "vser_client/console.hpp"
#include "vser_client/result.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {

/// Writes all of it to stdout, at once; what cannot be written ends the program with exit_refused.
void put(std::string_view text);

/// One line on stderr: what happened and what to do; with `json`, {"error": {...}}. Returns the exit code.
int complain(const vser::client::Error& error, bool json);

/// Prints the items of a log: as they are, with messages on stderr, or as JSON lines.
class ItemPrinter {
public:
    ItemPrinter(bool json, bool base64, bool events) : json_(json), base64_(base64), events_(events) {}
    ~ItemPrinter() { flush_text(); }
    ItemPrinter(const ItemPrinter&) = delete;
    ItemPrinter& operator=(const ItemPrinter&) = delete;

    void print(const vser::client::ConsoleItem& item);

private:
    void print_data(const vser::client::Data& data);
    void put_text(const Utf8Stream::Text& text, vser::client::Time time);
    void flush_text();

    bool json_;
    bool base64_;
    bool events_;
    Utf8Stream utf8_;
    vser::client::Time last_time_;
};

}  // namespace vserctl
