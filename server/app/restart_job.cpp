#include "app/restart_job.hpp"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace vserd {
namespace {

constexpr const char* systemd = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager = "org.freedesktop.systemd1.Manager";
constexpr const char* unit = "org.freedesktop.systemd1.Unit";
constexpr const char* job = "org.freedesktop.systemd1.Job";
constexpr std::uint64_t call_limit_us = 150'000;  // for each of three calls

struct Unref {
    void operator()(sd_bus* bus) const noexcept { ::sd_bus_flush_close_unref(bus); }
    void operator()(sd_bus_message* message) const noexcept { ::sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Unref>;
using Message = std::unique_ptr<sd_bus_message, Unref>;

Bus system_bus() {
    sd_bus* bus = nullptr;
    if (::sd_bus_open_system(&bus) < 0) return nullptr;
    Bus owned(bus);
    static_cast<void>(::sd_bus_set_method_call_timeout(bus, call_limit_us));
    return owned;
}

/// 0: the process that asks.
std::optional<std::string> own_unit(sd_bus* bus) {
    sd_bus_message* reply = nullptr;
    if (::sd_bus_call_method(bus, systemd, manager_path, manager, "GetUnitByPID", nullptr, &reply, "u", 0) < 0)
        return std::nullopt;
    const Message owned(reply);
    const char* path = nullptr;
    if (::sd_bus_message_read(reply, "o", &path) < 0) return std::nullopt;
    return path;
}

/// "/": none runs.
std::optional<std::string> job_of(sd_bus* bus, const std::string& unit_path) {
    sd_bus_message* reply = nullptr;
    if (::sd_bus_get_property(bus, systemd, unit_path.c_str(), unit, "Job", nullptr, &reply, "(uo)") < 0)
        return std::nullopt;
    const Message owned(reply);
    std::uint32_t id = 0;
    const char* path = nullptr;
    if (::sd_bus_message_read(reply, "(uo)", &id, &path) < 0 || id == 0) return std::nullopt;
    return path;
}

}  // namespace

bool is_restart_job() {
    if (std::getenv("NOTIFY_SOCKET") == nullptr) return false;
    const Bus bus = system_bus();
    if (!bus) return false;
    const auto unit_path = own_unit(bus.get());
    const auto path = unit_path ? job_of(bus.get(), *unit_path) : std::nullopt;
    if (!path) return false;
    char* type = nullptr;
    if (::sd_bus_get_property_string(bus.get(), systemd, path->c_str(), job, "JobType", nullptr, &type) < 0)
        return false;
    const std::unique_ptr<char, decltype(&std::free)> owned(type, &std::free);
    return std::string(type) == "restart";
}

}  // namespace vserd
