#include "port/transmitter.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <utility>

namespace vserd::port {

Transmitter::Transmitter(io::Loop& loop, PortStatus& port, LineCalls& calls, const Life& life)
    : loop_(loop),
      port_(port),
      calls_(calls),
      queue_(port.config.tx_queue_bytes_max),
      output_(loop, port, queue_, calls, life, [this] { commands_.output_changed(); }),
      commands_(loop, port, queue_, calls, output_, life,
                {.proceed = [this] { pump(); },
                 .settings_set =
                     [this](const line::Settings& in_force) {
                         take_settings(in_force, false);
                         retry();  // the change may have released the output
                     }}) {
    write_.kind = io::OperationKind::write;
    write_.owner = this;
    write_.complete = [](io::Operation& op, ssize_t result) noexcept {
        static_cast<Transmitter*>(op.owner)->on_written(result);
    };
}

void Transmitter::set_queue_bytes_max(std::size_t bytes_max) {
    queue_.set_bytes_max(bytes_max);
    announce_room();
}

void Transmitter::store_queue_bytes() { port_.stats->tx_queue_bytes.store(queue_.bytes(), std::memory_order_relaxed); }

void Transmitter::resume() {
    output_.watch();  // the device may still have output of the previous process
    pump();
    announce_room();
}

void Transmitter::stop(const Error& disconnected) {
    const io::Attachment* const attachment = std::exchange(attachment_, nullptr);
    output_.stop();
    commands_.stop(disconnected);
    for (const auto& flush : std::exchange(flushes_, {})) end(flush, disconnected);
    if (is_writing()) attachment->engine->cancel(write_);
}

std::size_t Transmitter::transmit(std::span<const std::byte> bytes) {
    const std::size_t taken = queue_.append(bytes, is_writing());
    tx_offset_ += taken;
    was_full_ = was_full_ || taken < bytes.size();
    store_queue_bytes();
    pump();
    return taken;
}

void Transmitter::pump() {
    if (attachment_ == nullptr || !port_.is_online() || is_writing() || !flushes_.empty() || commands_.is_running())
        return;
    if (queue_.front_command() != nullptr) return commands_.begin_front();
    const auto bytes = queue_.front_bytes();
    if (bytes.empty()) return;
    write_.slot = attachment_->slot;
    write_.data = const_cast<std::byte*>(bytes.data());
    write_.size = bytes.size();
    write_offset_ = tx_offset_ - queue_.bytes();
    write_begun_ = std::chrono::system_clock::now();
    state_ = State::writing;
    attachment_->engine->start(write_);
    output_.watch();
}

void Transmitter::on_written(ssize_t result) {
    const bool discards = std::exchange(state_, State::idle) == State::discarding;
    if (result > 0) {
        add(port_.stats->tx_bytes, static_cast<std::uint64_t>(result));
        output_.moved();
        port_.listener.on_sent(
            {write_offset_, queue_.front_bytes().first(static_cast<std::size_t>(result)), write_begun_});
        queue_.consume(static_cast<std::size_t>(result));
        if (queue_.bytes() == 0) loop_.expect_answer();
        hooks_.written();
    }
    if (discards) discard_rest(result < static_cast<ssize_t>(write_.size));
    store_queue_bytes();
    port_.listener.on_transmitted(tx_offset_ - queue_.bytes());
    if (attachment_ == nullptr) return hooks_.released();
    if (result <= 0 && result != -ECANCELED) {
        add(port_.stats->write_errors, 1);
        return hooks_.failed(errno_error(fmt::format("writing {}", port_.config.device), static_cast<int>(-result)));
    }
    pump();
    announce_room();
}

void Transmitter::announce_room() {
    if (!was_full_ || queue_.full()) return;
    was_full_ = false;
    port_.listener.on_transmit_change();
}

/// Flushes the device after the canceled write has completed, so that the bytes it still accepted are flushed too.
void Transmitter::discard_rest(bool unfinished) {
    const std::size_t rest = unfinished ? queue_.front_bytes().size() : 0;
    if (rest > 0) queue_.consume(rest);
    const auto flushes = flushes_;  // a copy, because a reply may change the list
    for (const auto& flush : flushes) {
        if (flush->state != Flush::State::waiting) continue;
        if (flush == flushes.front()) flush->discarded += rest;
        begin(flush);
    }
}

void Transmitter::flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client) {
    if (const auto online = port_.require_online(); !online) return reply(online.error());
    if (!port_.capabilities->flush) return reply(port_.unsupported("flush", "does not support flush"));
    const auto flush = std::make_shared<Flush>(Flush{direction, std::move(reply), std::move(client)});
    if (direction == line::FlushDirection::input) return begin(flush);
    flushes_.push_back(flush);  // holds back writes, which the flush would discard as well
    flush->discarded = queue_.discard_bytes(is_writing());
    store_queue_bytes();
    if (state_ == State::writing) {
        state_ = State::discarding;
        attachment_->engine->cancel(write_);
    } else if (state_ == State::idle) {
        begin(flush);
    }
    announce_room();
}

void Transmitter::discard(const Error& why, std::string client, Reply<std::uint64_t> reply) {
    commands_.cancel(why);
    if (port_.is_online() && port_.capabilities->flush)
        return flush(line::FlushDirection::output, std::move(reply), std::move(client));
    const std::uint64_t discarded = discard_offline();
    if (discarded > 0) port_.listener.on_event(Flushed{line::FlushDirection::output, discarded, std::move(client)});
    reply(discarded);
    announce_room();
}

/// Without a device that could be flushed. A write that was canceled may still complete; then its rest is discarded.
std::uint64_t Transmitter::discard_offline() {
    const std::uint64_t bytes = queue_.bytes();
    queue_.discard_bytes(is_writing());
    if (state_ == State::writing) state_ = State::discarding;
    store_queue_bytes();
    return bytes;
}

void Transmitter::begin(const FlushRef& flush) {
    flush->state = Flush::State::running;
    calls_.call<void>([direction = flush->direction](line::Line& line) { return line.flush(direction); },
                      [this, flush](const Result<void>& result) { end(flush, result); });
}

void Transmitter::end(const FlushRef& flush, const Result<void>& result) {
    if (std::exchange(flush->state, Flush::State::ended) == Flush::State::ended) return;
    std::erase(flushes_, flush);
    if (flush->discarded > 0) port_.listener.on_event(Flushed{flush->direction, flush->discarded, flush->client});
    retry();
    result ? flush->reply(flush->discarded) : flush->reply(result.error());
    pump();
}

void Transmitter::take_settings(const line::Settings& in_force, bool changed_outside) {
    const bool changed = port_.settings != in_force;
    port_.show_settings(in_force);
    if (changed || changed_outside) port_.listener.on_event(SettingsChanged{port_.settings, changed_outside});
    if (queue_.bytes() > 0) output_.watch();
}

void Transmitter::retry() noexcept {
    if (attachment_ != nullptr) attachment_->engine->retry(attachment_->slot);
}

}  // namespace vserd::port
