#include "app/journal.hpp"

#include <fmt/core.h>

#include <spdlog/spdlog.h>

#include "app/journal_outputs.hpp"
#include "app/journal_queue.hpp"
#include "rpc/server.hpp"

namespace vserd {
namespace {

std::shared_ptr<JournalQueue> queue;

void report_lease_end(const std::string& name, const port::WriterChanged& writer) {
    switch (writer.change) {
        case port::LeaseChange::expired:
            return spdlog::warn("port {}: the lease of {} has expired", name, writer.previous);
        case port::LeaseChange::taken_over:
            return spdlog::warn("port {}: the lease of {} was ended", name, writer.previous);
        default: spdlog::info("port {}: exclusive access released", name);
    }
}

/// Reports actions of clients and other programs.
void report_client_event(const hub::Channel& channel, const port::Event& event) {
    const std::string& name = channel.name();
    if (const auto* writer = std::get_if<port::WriterChanged>(&event)) {
        if (writer->client.empty()) return report_lease_end(name, *writer);
        const JournalField session("SESSION", writer->client);
        const std::string why = writer->reason.empty() ? "" : ": " + writer->reason;
        if (writer->change != port::LeaseChange::taken_over)
            return spdlog::info("port {}: held by {}{}", name, writer->client, why);
        spdlog::warn("port {}: {} took the port over from {}{}", name, writer->client, writer->previous, why);
    } else if (const auto* flushed = std::get_if<port::Flushed>(&event)) {
        const JournalField session("SESSION", flushed->client);
        spdlog::warn("port {}: {} flushed the output; {} accepted bytes were discarded", name, flushed->client,
                     flushed->bytes);
    } else if (const auto* readers = std::get_if<port::ForeignReadersFound>(&event)) {
        if (readers->processes.empty()) return spdlog::info("port {}: no other process reads the device", name);
        std::string names;
        for (const std::string& process : readers->processes) names += (names.empty() ? "" : ", ") + process;
        spdlog::warn(
            "port {}: {} has {} open too and may read bytes that vserd then does not get; stop it or configure "
            "another device",
            name, names, channel.port().config().device);
    } else if (const auto* held = std::get_if<port::OutputHeld>(&event)) {
        spdlog::info("port {}: {}", name,
                     held->held ? "flow control holds the output" : "flow control released the output");
    } else if (const auto* notice = std::get_if<port::Notice>(&event)) {
        const JournalField session("SESSION", notice->from);
        spdlog::info("port {}: notice from {}: {}", name, notice->from, notice->text);
    }
}

}  // namespace

void set_up_journal(const std::string& level) {
    queue = std::make_shared<JournalQueue>(make_journal_output());
    auto log = std::make_shared<spdlog::logger>("vserd", queue);
    log->set_level(spdlog::level::from_str(level));
    spdlog::set_default_logger(std::move(log));
    rpc::route_grpc_log([](rpc::GrpcSeverity severity, const char* message) {
        // The library logs bad clients as errors, but operators need not act on them.
        spdlog::log(severity == rpc::GrpcSeverity::error ? spdlog::level::debug : spdlog::level::trace, "grpc: {}",
                    message);
    });
}

void drain_journal(std::chrono::milliseconds limit) {
    if (queue) queue->drain(limit);
}

std::uint64_t journal_lines_dropped() { return queue ? queue->dropped() : 0; }

JournalField::JournalField(const char* name, const std::string& value) {
    journal_fields().push_back(name + ("=" + value));
}
JournalField::~JournalField() { journal_fields().pop_back(); }

void PortJournal::on_port_added(const hub::Channel& channel) {
    const JournalField port("PORT", channel.name());
    spdlog::debug("port {}: added, device {}", channel.name(), channel.port().config().device);
    if (!channel.warning().empty()) spdlog::warn("port {}: {}", channel.name(), channel.warning());
    if (channel.is_resumed()) {
        spdlog::info("port {}: the log resumes at offset {}", channel.name(), channel.log().next_offset());
    }
}

void PortJournal::on_port_event(const hub::Channel& channel, const log::EventItem& event) {
    const JournalField port("PORT", channel.name());
    if (const auto* online = std::get_if<port::CameOnline>(&event.event)) {
        spdlog::info("port {}: online on {}{}", channel.name(), online->device,
                     online->taken_over ? ", which was never closed" : "");
        if (online->engine_refusals.empty()) return;
        spdlog::warn("port {}: served by engine {}: {}", channel.name(), channel.port().engine(),
                     online->engine_refusals);
    } else if (const auto* offline = std::get_if<port::WentOffline>(&event.event)) {
        spdlog::warn("port {}: offline: {}", channel.name(), offline->reason);
    } else if (const auto* settings = std::get_if<port::SettingsChanged>(&event.event)) {
        const auto in_force =
            fmt::format("{} baud {}", settings->settings.baud, line::to_string(settings->settings.format));
        if (!settings->changed_outside) return spdlog::info("port {}: {}", channel.name(), in_force);
        spdlog::warn("port {}: another program changed the settings of {}: {}", channel.name(),
                     channel.port().config().device, in_force);
    } else {
        report_client_event(channel, event.event);
    }
}

void PortJournal::on_port_removed(const hub::Channel& channel) {
    const JournalField port("PORT", channel.name());
    const std::size_t unwritten = channel.port().tx_queue_bytes();
    if (hub_.shutting_down()) {
        if (unwritten > 0)
            spdlog::warn("port {}: {} accepted bytes were not written and are discarded", channel.name(), unwritten);
        return;
    }
    const std::uint64_t history = channel.log().next_offset() - channel.log().oldest_offset();
    if (const auto keeps = hub_.keeps_log_of(channel); keeps.count() > 0) {
        return spdlog::warn("port {}: removed; {} bytes of history are kept for {} s in case it is added again{}",
                            channel.name(), history, keeps.count() / 1000,
                            unwritten > 0 ? fmt::format("; discarded: {} accepted bytes", unwritten) : "");
    }
    if (unwritten == 0 && history == 0) return spdlog::debug("port {}: removed", channel.name());
    spdlog::warn("port {}: removed; discarded: {} accepted bytes that were not written, {} bytes of history",
                 channel.name(), unwritten, history);
}

void PortJournal::on_port_log_cut(const hub::Channel& channel) {
    const JournalField port("PORT", channel.name());
    spdlog::warn(
        "port {}: another program truncated its log file: the history is lost, and a restart does not keep the log",
        channel.name());
}

void PortJournal::on_archive_state(const std::string& port, const Result<void>& state) {
    const JournalField field("PORT", port);
    const std::string whose = port.empty() ? "archive" : fmt::format("port {}: archive", port);
    if (state) return spdlog::info("{}: works again", whose);
    spdlog::error("{}: {}; the console keeps working, and what is not archived will be a gap", whose,
                  state.error().message);
}

void PortJournal::on_port_refused(const hub::Channel& channel, const Error& error) {
    const JournalField port("PORT", channel.name());
    spdlog::warn("port {}: keeps its settings from before the reload: {}", channel.name(), error.message);
}

}  // namespace vserd
