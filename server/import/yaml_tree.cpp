#include "import/yaml_tree.hpp"

#include <fmt/core.h>
#include <yaml.h>

#include <new>
#include <utility>

namespace vserd::importing {
namespace {

constexpr int levels_max = 16;

Place place_of(const yaml_mark_t& mark) {
    return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

std::string text_of(const yaml_char_t* text) {
    return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text));
}

/// An event of libyaml; frees it.
class Event {
public:
    explicit Event(yaml_parser_t& parser) {
        if (yaml_parser_parse(&parser, &event_) != 0) return;
        if (parser.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
        const bool reads = parser.error == YAML_READER_ERROR;
        const std::string problem = parser.problem != nullptr ? parser.problem : "invalid YAML";
        throw Fault{reads ? Place{} : place_of(parser.problem_mark),
                    reads ? fmt::format("{} at byte {}", problem, parser.problem_offset) : problem};
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { yaml_event_delete(&event_); }

    const yaml_event_t& operator*() const { return event_; }
    const yaml_event_t* operator->() const { return &event_; }

private:
    yaml_event_t event_{};
};

class TreeReader {
public:
    explicit TreeReader(std::string_view text) {
        if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
        if (text.empty()) text = "";  // libyaml takes no null pointer
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    TreeReader(const TreeReader&) = delete;
    TreeReader& operator=(const TreeReader&) = delete;
    ~TreeReader() { yaml_parser_delete(&parser_); }

    YamlNode document() {
        for (;;) {
            const Event event(parser_);
            if (event->type == YAML_STREAM_END_EVENT) throw Fault{place_of(event->start_mark), "the file is empty"};
            if (event->type == YAML_DOCUMENT_START_EVENT) break;
        }
        const Event event(parser_);
        return node(*event, 0);
    }

private:
    YamlNode node(const yaml_event_t& event, int level) {
        YamlNode node;
        node.at = place_of(event.start_mark);
        if (level == levels_max) throw Fault{node.at, fmt::format("more than {} levels", levels_max)};
        if (event.type == YAML_ALIAS_EVENT) {
            node.kind = YamlNode::Kind::alias;
            node.text = text_of(event.data.alias.anchor);
        } else if (event.type == YAML_SCALAR_EVENT) {
            node.anchor = text_of(event.data.scalar.anchor);
            node.text.assign(reinterpret_cast<const char*>(event.data.scalar.value), event.data.scalar.length);
        } else if (event.type == YAML_SEQUENCE_START_EVENT) {
            node.kind = YamlNode::Kind::sequence;
            node.anchor = text_of(event.data.sequence_start.anchor);
            read_items(node, level);
        } else {
            node.kind = YamlNode::Kind::mapping;
            node.anchor = text_of(event.data.mapping_start.anchor);
            read_entries(node, level);
        }
        return node;
    }

    void read_items(YamlNode& into, int level) {
        for (;;) {
            const Event event(parser_);
            if (event->type == YAML_SEQUENCE_END_EVENT) return;
            into.items.push_back(node(*event, level + 1));
        }
    }

    void read_entries(YamlNode& into, int level) {
        for (;;) {
            const Event key(parser_);
            if (key->type == YAML_MAPPING_END_EVENT) return;
            YamlNode name = node(*key, level + 1);
            const Event value(parser_);
            into.entries.push_back({std::move(name), node(*value, level + 1)});
        }
    }

    yaml_parser_t parser_{};
};

}  // namespace

YamlNode read_yaml(std::string_view text) { return TreeReader(text).document(); }

}  // namespace vserd::importing
