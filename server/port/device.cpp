#include "port/device.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "line/device_node.hpp"
#include "line/tty_line.hpp"
#include "line/vser_line.hpp"
#include "sim/sim_line.hpp"
#include "sim/sim_spec.hpp"

namespace vserd::port {
namespace {

constexpr std::string_view sim_prefix = "sim:";
constexpr std::string_view archive_prefix = "archive:";
constexpr std::string_view vser_prefix = "/dev/vser";

bool is_vser_name(std::string_view path) {
    if (!path.starts_with(vser_prefix) || path.size() == vser_prefix.size()) return false;
    return std::ranges::all_of(path.substr(vser_prefix.size()), [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// Whether the node belongs to the vser driver's device class, whatever its name. Reads one link, because reading /proc/devices
/// for a thousand ports would take longer than opening them.
bool is_of_vser_class(dev_t node) {
    std::error_code ignored;
    const auto link = fmt::format("/sys/dev/char/{}:{}/subsystem", major(node), minor(node));
    return std::filesystem::read_symlink(link, ignored).filename() == "vser";
}

}  // namespace

line::Kind kind_of(std::string_view device) {
    if (device.starts_with(sim_prefix)) return line::Kind::simulated;
    if (device.starts_with(archive_prefix)) return line::Kind::archive;
    if (is_vser_name(device)) return line::Kind::vser;
    std::error_code ignored;
    if (is_vser_name(std::filesystem::canonical(device, ignored).native())) return line::Kind::vser;
    struct stat node {};
    const bool found = ::stat(std::string(device).c_str(), &node) == 0 && S_ISCHR(node.st_mode);
    return found && is_of_vser_class(node.st_rdev) ? line::Kind::vser : line::Kind::tty;
}

Result<std::unique_ptr<line::Line>> open_line(std::string_view device, const line::ValidSettings& settings,
                                              const line::LineOptions& options) {
    if (const auto valid = check_device(device); !valid) return valid.error();
    switch (kind_of(device)) {
        case line::Kind::simulated: return sim::SimLine::open(device, settings);
        case line::Kind::vser: return line::VserLine::open(std::string(device), settings);
        case line::Kind::archive:
            return Error{Failure::unsupported, 0, "archive", fmt::format("{}: an archive has no line", device)};
        case line::Kind::tty: break;
    }
    return line::TtyLine::open(std::string(device), settings, options);
}

Result<std::unique_ptr<line::Line>> adopt_line(std::string_view device, base::Fd held,
                                               const line::ValidSettings& settings, const line::LineOptions& options) {
    if (const auto valid = check_device(device); !valid) return valid.error();
    const auto kind = kind_of(device);
    if (kind == line::Kind::simulated || kind == line::Kind::archive) {
        return Error{Failure::io, ENODEV, "device", fmt::format("{}: this device cannot be resumed", device)};
    }
    const std::string path(device);
    if (const auto same = line::check_held_node(path, held.get()); !same) {
        line::release_lock(held.get());
        return same.error();
    }
    return kind == line::Kind::vser ? line::VserLine::adopt(path, std::move(held), settings)
                                    : line::TtyLine::adopt(path, std::move(held), settings, options);
}

Result<void> check_device(std::string_view device) {
    if (device.starts_with(sim_prefix)) {
        if (const auto spec = sim::parse_sim_spec(device); !spec) return spec.error();
        return {};
    }
    if (device.starts_with(archive_prefix)) device.remove_prefix(archive_prefix.size());
    const auto invalid = [device](std::string_view why) {
        return Error{Failure::invalid_argument, 0, "device", fmt::format("device '{}' {}", device, why)};
    };
    if (device.empty()) return invalid("is empty; give a path such as /dev/ttyUSB0, or sim:echo");
    if (device.find('\0') != std::string_view::npos) return invalid("contains a NUL byte");
    if (device.front() != '/')
        return invalid(
            "is neither an absolute path such as /dev/ttyUSB0 nor sim:echo, sim:console, sim:esp, "
            "sim:replay?file=/PATH or archive:/DIR");
    return {};
}

}  // namespace vserd::port
