#include "import/conserver_syntax.hpp"

#include <fmt/core.h>

#include <utility>

#include "import/words.hpp"

namespace vserd::importing {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

class BlockReader {
public:
    explicit BlockReader(std::string_view text) : text_(text) {}

    ConserverFile read() {
        for (skip_space(); !at_end(); skip_space()) file_.blocks.push_back(read_block());
        return std::move(file_);
    }

private:
    bool at_end() const { return index_ == text_.size(); }
    char current() const { return text_[index_]; }

    void advance() {
        if (current() == '\n') {
            ++at_.line;
            at_.column = 0;
        }
        ++at_.column;
        ++index_;
    }

    std::string rest_of_line() {
        std::string line;
        for (; !at_end() && current() != '\n'; advance()) line += current();
        return line;
    }

    /// A comment; "#include FILE" at the start of a line is none.
    void skip_comment() {
        const Place place = at_;
        const std::string line = rest_of_line();
        if (place.column != 1 || !line.starts_with("#include") || line.size() < 9 || !is_space(line[8])) return;
        file_.remarks.push_back({place, fmt::format("#include {}: put the contents of that file here and import again",
                                                    trimmed(std::string_view(line).substr(8)))});
    }

    void skip_space() {
        while (!at_end() && (is_space(current()) || current() == '#')) {
            if (current() == '#')
                skip_comment();
            else
                advance();
        }
    }

    void read_quoted(std::string& word) {
        const Place start = at_;
        for (advance();; advance()) {
            if (at_end()) throw Fault{start, "the double quote is not closed"};
            if (current() == '"') break;
            // Everything is literal but \".
            if (current() == '\\' && index_ + 1 < text_.size() && text_[index_ + 1] == '"') advance();
            word += current();
        }
        advance();
    }

    /// A word up to a token, or up to white space if `spaced`. White space around it is removed, unless it is quoted.
    std::string read_word(bool spaced) {
        std::string word;
        std::size_t kept = 0;  // the end of what must not be trimmed
        skip_space();
        while (!at_end() && current() != '{' && current() != '}' && current() != ';') {
            if (is_space(current()) && spaced) break;
            if (current() == '#') {
                skip_comment();
            } else if (current() == '"') {
                read_quoted(word);
                kept = word.size();
            } else {
                const bool escaped = current() == '\\' && index_ + 1 < text_.size();
                if (escaped) advance();
                word += current();
                if (escaped || !is_space(current())) kept = word.size();
                advance();
            }
        }
        word.resize(kept);
        return word;
    }

    void expect(char token, const char* where) {
        skip_space();
        if (at_end() || current() != token) throw Fault{at_, fmt::format("expected '{}' {}", token, where)};
        advance();
    }

    ConserverBlock read_block() {
        ConserverBlock block;
        block.at = at_;
        block.type = read_word(true);
        block.name = read_word(false);
        if (block.type.empty()) throw Fault{block.at, "expected a block, such as: console NAME { ... }"};
        expect('{', "after the name of a block");
        for (;;) {
            skip_space();
            if (at_end()) throw Fault{block.at, fmt::format("the block '{}' is not closed", block.name)};
            if (current() == '}') break;
            ConserverItem item{at_, {}, {}};
            item.keyword = lower_case(read_word(true));
            item.value = read_word(false);
            expect(';', fmt::format("after the value of '{}'", item.keyword).c_str());
            if (!item.keyword.empty()) block.items.push_back(std::move(item));
        }
        advance();
        return block;
    }

    std::string_view text_;
    std::size_t index_ = 0;
    Place at_{1, 1};
    ConserverFile file_;
};

}  // namespace

ConserverFile read_conserver_blocks(std::string_view text) { return BlockReader(text).read(); }

}  // namespace vserd::importing
