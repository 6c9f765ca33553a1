#include "log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/syslog.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "rpc/server.hpp"

namespace vserd {
namespace {

/// "PORT=board", innermost last. Sinks run on the thread that logs.
thread_local std::vector<std::string> fields;

int priority_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::critical: return LOG_CRIT;
        case spdlog::level::err: return LOG_ERR;
        case spdlog::level::warn: return LOG_WARNING;
        case spdlog::level::info: return LOG_INFO;
        default: return LOG_DEBUG;
    }
}

class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        std::vector<std::string> entry{
            "MESSAGE=" + std::string(message.payload.data(), message.payload.size()),
            "PRIORITY=" + std::to_string(priority_of(message.level)),
            "SYSLOG_IDENTIFIER=vserd",
        };
        entry.insert(entry.end(), fields.begin(), fields.end());
        std::vector<iovec> parts;
        parts.reserve(entry.size());
        for (std::string& part : entry) parts.push_back({part.data(), part.size()});
        static_cast<void>(::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())));
    }
    void flush_() override {}
};

/// As systemd.exec(5) says to find out: JOURNAL_STREAM is the device and inode of the stream that it made.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
           std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

std::shared_ptr<spdlog::sinks::sink> make_sink() {
    if (stderr_is_journal()) return std::make_shared<JournalSink>();
    return std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
}

}  // namespace

void set_up_log(const std::string& level) {
    auto log = std::make_shared<spdlog::logger>("vserd", make_sink());
    log->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    log->set_level(spdlog::level::from_str(level));
    spdlog::set_default_logger(std::move(log));
    rpc::route_grpc_log([](rpc::GrpcSeverity severity, const char* message) {
        // The library calls an error what a bad client did; nothing of it needs an operator.
        spdlog::log(severity == rpc::GrpcSeverity::error ? spdlog::level::debug : spdlog::level::trace, "grpc: {}",
                    message);
    });
}

LogField::LogField(const char* name, const std::string& value) { fields.push_back(name + ("=" + value)); }
LogField::~LogField() { fields.pop_back(); }

void PortLogger::on_port_added(hub::Channel& channel) {
    const LogField port("PORT", channel.name());
    spdlog::debug("port {}: added, device {}", channel.name(), channel.port().config().device);
    if (!channel.complaint().empty()) spdlog::warn("port {}: {}", channel.name(), channel.complaint());
    if (channel.goes_on()) {
        spdlog::info("port {}: the log goes on at offset {}", channel.name(), channel.log().next_offset());
    }
}

void PortLogger::on_port_event(hub::Channel& channel, const hub::EventItem& event) {
    const LogField port("PORT", channel.name());
    if (const auto* online = std::get_if<port::CameOnline>(&event.event)) {
        spdlog::info("port {}: online on {}{}", channel.name(), online->device,
                     online->taken_over ? ", which was never closed" : "");
        if (online->engine_refusals.empty()) return;
        spdlog::warn("port {}: served by engine {}: {}", channel.name(), channel.port().engine(),
                     online->engine_refusals);
    } else if (const auto* offline = std::get_if<port::WentOffline>(&event.event)) {
        spdlog::warn("port {}: offline: {}", channel.name(), offline->reason);
    } else if (const auto* settings = std::get_if<port::SettingsChanged>(&event.event)) {
        spdlog::info("port {}: {} baud {}", channel.name(), settings->settings.baud,
                     line::to_string(settings->settings.format));
    } else if (const auto* writer = std::get_if<port::WriterChanged>(&event.event)) {
        if (writer->client.empty()) return spdlog::info("port {}: everybody may write", channel.name());
        const LogField session("SESSION", writer->client);
        spdlog::info("port {}: held by {}", channel.name(), writer->client);
    }
}

void PortLogger::on_port_removed(hub::Channel& channel) {
    const LogField port("PORT", channel.name());
    const std::size_t unwritten = channel.port().tx_queue_bytes();
    if (hub_.shutting_down()) {
        if (unwritten > 0)
            spdlog::warn("port {}: {} accepted bytes were not written and are dropped", channel.name(), unwritten);
        return;
    }
    const std::uint64_t history = channel.log().next_offset() - channel.log().oldest_offset();
    if (unwritten == 0 && history == 0) return spdlog::debug("port {}: removed", channel.name());
    spdlog::warn("port {}: removed; dropped with it: {} accepted bytes that were not written, {} bytes of history",
                 channel.name(), unwritten, history);
}

void PortLogger::on_port_refused(hub::Channel& channel, const Error& error) {
    const LogField port("PORT", channel.name());
    spdlog::warn("port {}: goes on with its settings from before the reload: {}", channel.name(), error.message);
}

}  // namespace vserd
