#include "tcp/connection.hpp"

#include <algorithm>
#include <utility>

#include "hub/delivery_histogram.hpp"

namespace vserd::tcp {
namespace {

/// The most bytes that one run() moves in one direction, before other connections and ports are served.
constexpr std::size_t write_bytes_per_run = std::size_t{256} << 10;
/// A raw client that has closed its sending side may still wait for the reply ("printf ... | socat - TCP:...").
constexpr std::chrono::seconds half_closed_limit{2};
constexpr std::size_t pieces_max = 16;

hub::StartPoint start_point(std::uint64_t replay_bytes) {
    if (replay_bytes == 0) return hub::StartLive{};
    return hub::StartTail{replay_bytes};
}

hub::SessionMode session_mode(Mode mode) {
    switch (mode) {
        case Mode::read_only: return hub::SessionMode::read_only;
        case Mode::exclusive: return hub::SessionMode::exclusive;
        default: return hub::SessionMode::read_write;
    }
}

}  // namespace

Connection::Connection(ConnectionEnvironment environment, std::unique_ptr<Stream> stream, hub::Session session,
                       Ended ended)
    : environment_(std::move(environment)),
      stream_(std::move(stream)),
      session_(std::move(session)),
      ended_(std::move(ended)),
      deadline_(std::chrono::steady_clock::now() + handshake_limit) {
    environment_.stats->clients.fetch_add(1, std::memory_order_relaxed);
    pending_.wait_while_offline = true;
}

Connection::~Connection() {
    close();
    environment_.stats->clients.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::start() { run(); }

/// Opens the port, after the handshake.
void Connection::open() {
    begun_ = true;
    deadline_.reset();
    if (const std::string certificate = stream_->peer_certificate(); !certificate.empty()) {
        session_.add_certificate(certificate);
    }
    auto slot = session_.open_stream();
    if (!slot) return finish(slot.error().message, handshake_limit);
    slot_ = std::move(*slot);
    auto opened = session_.open(options().port);
    if (!opened) return turn_away(opened.error());
    port_ = std::move(*opened);
    if (options().mode != Mode::exclusive) return attach();
    waits_for_port_ = true;
    port_.acquire_exclusive(/*takeover=*/false, {}, [this](const Result<void>& held) {
        waits_for_port_ = false;
        held ? attach() : turn_away(held.error());
        run();
    });
}

void Connection::attach() {
    auto reader = port_.attach(start_point(options().replay_bytes), *this, session_mode(options().mode));
    if (!reader) return turn_away(reader.error());
    reader_ = std::move(*reader);
    opened_ = log::BootClock::now();
    begin();
}

void Connection::turn_away(const Error& why) {
    const bool role = why.failure == Failure::denied || why.failure == Failure::not_found;
    if (role) environment_.refused.role.fetch_add(1, std::memory_order_relaxed);
    finish(why.message, handshake_limit);
}

void Connection::close() {
    if (closed_) return;
    closed_ = true;
    // The caller may be one of our functions, and the listener may drop the last reference.
    if (auto self = weak_from_this().lock()) session_.loop().post([self = std::move(self)] {});
    reader_.reset();  // before the port: releasing exclusive access adds an event to the log
    hub::Channel::withdraw(pending_);
    port_ = {};
    slot_.reset();
    stream_->shut_down();
    stream_->close();
    if (const auto ended = std::exchange(ended_, nullptr)) ended(*this);
}

void Connection::finish(std::string_view reason, std::chrono::milliseconds limit) {
    if (closed_ || finishing_) return;
    finishing_ = true;
    goodbye_ = reason;
    deadline_ = std::chrono::steady_clock::now() + limit;
    run();
}

void Connection::on_closed(const Error& why) {
    finish(session_.shutting_down() ? "vserd is shutting down" : why.message, handshake_limit);
}

void Connection::tick(std::chrono::steady_clock::time_point now) {
    if (deadline_ && now >= *deadline_) return close();
    // Without a pending wait nothing else notices a dead peer.
    if (!waits_readable_ && !waits_writable_ && stream_->timed_out()) close();
}

void Connection::fall_behind() {
    environment_.stats->fell_behind.fetch_add(1, std::memory_order_relaxed);
    close();
}

void Connection::skip_to_live() {
    if (!port_ || !reader_) return;
    reader_.reset();
    if (!data_first_ || !stream_->crosses()) data_ = {};  // TLS must repeat a write that had to wait
    if (auto reader = port_.attach(hub::StartLive{}, *this)) reader_ = std::move(*reader);
}

void Connection::run() {
    if (closed_ || waits_for_port_) return;
    if (running_) {
        run_again_ = true;
        return;
    }
    running_ = true;
    bool later = false;
    do {
        run_again_ = false;
        if (!begun_) shake_hands();
        if (waits_for_port_) break;
        if (!closed_ && begun_) run_input();
        if (!closed_ && begun_) later = run_output();
    } while (run_again_ && !closed_ && !later);
    running_ = false;
    if ((later || read_budget_ == 0) && !closed_) run_later();
}

void Connection::shake_hands() {
    const auto outcome = finishing_ ? Stream::Outcome::failed : stream_->handshake();
    switch (outcome) {
        case Stream::Outcome::moved: return open();
        case Stream::Outcome::wait_readable:
        case Stream::Outcome::wait_writable: return wait(outcome);
        default: return close();
    }
}

/// Continues after other connections and ports were served.
void Connection::run_later() {
    read_budget_ = read_bytes_per_run;
    if (std::exchange(run_posted_, true)) return;
    session_.loop().post([self = shared_from_this()] {
        self->run_posted_ = false;
        self->run();
    });
}

void Connection::wait(Stream::Outcome what) {
    const bool writable = what == Stream::Outcome::wait_writable;
    (writable ? writable_ : readable_) = false;
    bool& waits = writable ? waits_writable_ : waits_readable_;
    if (std::exchange(waits, true)) return;
    stream_->wait(what, [self = shared_from_this(), writable](const boost::system::error_code& error) {
        (writable ? self->waits_writable_ : self->waits_readable_) = false;
        if (error) return;
        if (writable || self->stream_->crosses()) self->writable_ = true;
        if (!writable || self->stream_->crosses()) self->readable_ = true;
        self->read_budget_ = read_bytes_per_run;
        self->run();
    });
}

// From the client.

void Connection::run_input() {
    while (!closed_ && !finishing_ && !half_closed_ && !is_blocked()) {
        if (!input_.empty()) {
            input_open_ = true;
            take_input(input_);
        } else if (std::exchange(input_open_, false)) {
            input_ended();
        } else if (ended_by_peer_) {
            end_of_input();
        } else if (!readable_) {
            wait(Stream::Outcome::wait_readable);
            break;
        } else if (read_budget_ == 0) {
            break;
        } else {
            read();
        }
    }
    if (!closed_) hold_input();
}

void Connection::read() {
    held_ = {};  // all of it was consumed
    const auto moved = stream_->read(environment_.scratch);
    switch (moved.outcome) {
        case Stream::Outcome::moved:
            input_ = environment_.scratch.first(moved.bytes);
            read_budget_ -= std::min(read_budget_, moved.bytes);
            if (moved.drained) readable_ = false;
            return;
        case Stream::Outcome::ended: ended_by_peer_ = true; return;
        case Stream::Outcome::failed: return close();
        default: return wait(moved.outcome);
    }
}

void Connection::end_of_input() {
    if (!keeps_half_closed()) return close();
    half_closed_ = true;
    deadline_ = std::chrono::steady_clock::now() + half_closed_limit;
    port_ = {};  // others may acquire it now
}

/// Moves input that was not taken out of the scratch buffer, which all connections share.
void Connection::hold_input() {
    const auto rest = pending_.is_linked() ? pending_.bytes.subspan(pending_.taken) : std::span<const std::byte>{};
    if (rest.empty() && input_.empty()) {
        held_ = {};
        return;
    }
    if (!held_.empty()) return;  // it is there already
    held_.reserve(rest.size() + input_.size());
    held_.insert(held_.end(), rest.begin(), rest.end());
    held_.insert(held_.end(), input_.begin(), input_.end());
    input_ = std::span(held_).subspan(rest.size());
    if (!pending_.is_linked()) return;
    pending_.bytes = std::span(held_).first(rest.size());
    pending_.taken = 0;
}

void Connection::send_to_port(std::span<const std::byte> bytes) {
    if (!may_write() || !port_) return;
    pending_.bytes = bytes;
    pending_.taken = 0;
    pending_.done = [this](const Result<void>& result) { written(result); };
    submitting_ = true;
    port_.submit(pending_);
    submitting_ = false;
}

void Connection::written(const Result<void>& result) {
    if (closed_) return;
    if (!result) {
        if (result.error().failure == Failure::refused || result.error().failure == Failure::denied) {
            on_refused(result.error());
        } else if (port_) {
            finish(result.error().message, handshake_limit);
        }  // otherwise on_closed() comes
    }
    if (!submitting_) run();
}

// To the client.

/// Returns whether there is more to write than one turn allows.
bool Connection::run_output() {
    std::size_t budget = write_bytes_per_run;
    while (!closed_) {
        if (output_stopped_) {
            stop_output();
            return false;
        }
        if (!writable_) {
            wait(Stream::Outcome::wait_writable);
            return false;
        }
        if (nothing_to_write() && (!fill() || closed_)) return false;
        if (nothing_to_write()) continue;
        if (budget == 0) return true;
        const auto moved = write();
        switch (moved.outcome) {
            case Stream::Outcome::moved: break;
            case Stream::Outcome::ended: stop_output(); return false;
            case Stream::Outcome::failed: close(); return false;
            default: wait(moved.outcome); return false;
        }
        if (answers_.size() > answers_bytes_max) run_again_ = true;  // the input was blocked
        consume(moved.bytes);
        budget -= std::min(budget, moved.bytes);
    }
    return false;
}

/// The client has closed its receiving side. Bytes that it has sent still go to the port.
void Connection::stop_output() {
    output_stopped_ = true;
    reader_.reset();
    answers_.clear();
    encoded_.clear();
    data_ = {};
    if (finishing_ || half_closed_) close();
}

/// Takes the next item of the log. Returns false if there is none.
bool Connection::fill() {
    auto item = reader_ && !suspended_ ? reader_->next(data_bytes_max()) : std::nullopt;
    if (!item) {
        if (!finishing_) return false;
        if (goodbye_.empty()) {
            close();
            return false;
        }
        tell(std::exchange(goodbye_, {}));
        return true;
    }
    if (auto* data = std::get_if<log::DataItem>(&*item)) {
        // Only bytes that arrived after the connection count; history would distort the measurement.
        if (data->received.boot >= opened_) session_.delivery().observe(log::BootClock::now() - data->received.boot);
        take_data(std::move(*data));
    } else if (const auto* gap = std::get_if<log::GapItem>(&*item)) {
        take_gap(*gap);
    } else {
        take_event(std::get<log::EventItem>(*item));
    }
    return true;
}

Stream::Moved Connection::write() {
    std::array<iovec, pieces_max> pieces{};
    std::size_t count = 0;
    data_first_ = data_first_ || (answers_.empty() && encoded_.empty());
    if (!encoded_.empty()) pieces[count++] = {encoded_.data(), encoded_.size()};
    if (!answers_.empty() && !data_first_) pieces[count++] = {answers_.data(), answers_.size()};
    for (const log::Slice& slice : data_.slices) {
        if (count == pieces.size()) break;
        pieces[count++] = {const_cast<std::byte*>(slice.data), slice.size};
    }
    return stream_->write(std::span(pieces).first(count));
}

/// Drops `bytes` from the front of what write() sent.
void Connection::consume(std::size_t bytes) {
    const auto take = [&bytes](std::string& from) {
        const std::size_t taken = std::min(bytes, from.size());
        from.erase(0, taken);
        bytes -= taken;
    };
    take(encoded_);
    if (!data_first_) take(answers_);
    data_first_ = false;
    data_.size -= bytes;
    auto slice = data_.slices.begin();
    for (; slice != data_.slices.end() && bytes >= slice->size; ++slice) bytes -= slice->size;
    data_.slices.erase(data_.slices.begin(), slice);
    if (bytes == 0) return;
    data_.slices.front().data += bytes;
    data_.slices.front().size -= bytes;
}

}  // namespace vserd::tcp
