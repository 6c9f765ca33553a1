#include "archive/names.hpp"

#include <dirent.h>
#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>

namespace vserd::archive {
namespace {

constexpr std::size_t base_digits = 20;

bool is_plain(char byte) noexcept {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '-';
}

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

std::string last_part(const std::string& path) { return std::filesystem::path(path).filename().string(); }

/// The byte that "%XX" stands for.
std::optional<char> escaped_byte(std::string_view text) noexcept {
    unsigned value = 0;
    if (text.size() < 3) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + 3, value, 16);
    if (error != std::errc{} || end != text.data() + 3) return std::nullopt;
    return static_cast<char>(value);
}

}  // namespace

std::string directory_name(std::string_view port) {
    std::string name;
    for (const char byte : port) {
        const bool hides = byte == '.' && name.empty();
        if (is_plain(byte) && !hides)
            name += byte;
        else
            name += fmt::format("%{:02X}", static_cast<unsigned char>(byte));
    }
    return name.empty() ? "%" : name;
}

std::optional<std::string> port_name(std::string_view directory) {
    std::string name;
    for (std::size_t at = 0; at < directory.size(); ++at) {
        if (directory[at] != '%') {
            name += directory[at];
            continue;
        }
        const auto byte = escaped_byte(directory.substr(at));
        if (!byte) return std::nullopt;
        name += *byte;
        at += 2;
    }
    if (directory_name(name) != directory) return std::nullopt;
    return name;
}

std::string path_in(const std::string& directory, std::string_view name) {
    std::string path = directory;
    path += '/';
    return path += name;
}

std::string port_path(const std::string& archive, std::string_view port) {
    return path_in(archive, directory_name(port));
}

std::string sent_path(const std::string& port_directory) { return path_in(port_directory, sent_name); }

bool is_sent_path(const std::string& directory) { return last_part(directory) == sent_name; }

std::string shown_name(const std::string& directory) {
    if (is_sent_path(directory))
        return shown_name(std::filesystem::path(directory).parent_path().string()) + std::string(sent_name);
    const std::string name = last_part(directory);
    return port_name(name).value_or(name);
}

SegmentPaths::SegmentPaths(const std::string& port_directory, std::uint64_t base) {
    const std::string stem = fmt::format("{}/{:0{}}", port_directory, base, base_digits);
    log = stem + std::string(log_suffix);
    index = stem + std::string(index_suffix);
    sealed = stem + std::string(sealed_suffix);
}

std::optional<std::uint64_t> base_in(std::string_view name, std::string_view suffix) noexcept {
    if (name.size() != base_digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    std::uint64_t base = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + base_digits, base);
    if (error != std::errc{} || end != name.data() + base_digits) return std::nullopt;
    return base;
}

Result<std::vector<std::string>> names_in(const std::string& directory) {
    const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
    if (!open) return errno_error("cannot open " + directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(open.get())) names.emplace_back(entry->d_name);
    if (errno != 0) return errno_error("cannot read " + directory);
    std::sort(names.begin(), names.end());
    return names;
}

Result<std::vector<std::uint64_t>> segment_bases(const std::string& port_directory) {
    auto names = names_in(port_directory);
    if (!names && names.error().errno_value == ENOENT) return std::vector<std::uint64_t>{};
    if (!names) return names.error();
    std::vector<std::uint64_t> bases;
    for (const std::string& name : *names)
        if (const auto base = base_in(name, index_suffix)) bases.push_back(*base);
    return bases;
}

}  // namespace vserd::archive
