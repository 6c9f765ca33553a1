// A device that sends again what a capture says it has sent.

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "capture/capture_reader.hpp"
#include "sim/sim_application.hpp"

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t output_bytes = std::size_t{64} << 10U;
constexpr std::size_t input_bytes = std::size_t{64} << 10U;
/// Of one refill, because other devices wait meanwhile.
constexpr int records_at_once_max = 4096;
/// The longest pause in a replay, so that no time overflows.
constexpr std::chrono::hours pause_max{24 * 365};

class SimReplay final : public SimApplication {
public:
    SimReplay(SimState& state, SimReplaySpec spec) : SimApplication(state, output_bytes), spec_(std::move(spec)) {}

    Result<void> prepare() override {
        if (failure_) return *failure_;
        unplugging_ = false;
        if (reader_) return {};
        auto reader = capture::CaptureReader::open(spec_.file);
        if (!reader) return reader.error();
        reader_.emplace(std::move(*reader));
        return {};
    }
    void power_on(SimTime now) override { due_ = now; }
    std::size_t input_room() const noexcept override { return input_bytes; }
    void receive(std::span<const std::byte> /*ignored*/, SimTime) override {}
    void receive_break(SimTime) override {}

    void refill(SimTime now) override {
        for (int records = 0; records < records_at_once_max && !unplugging_; ++records) {
            if (!read_on() || (due_ > now && !offline_since_)) return;
            waits_for_room_ = !play() && !unplugging_;
            if (waits_for_room_ || unplugging_) return;
            record_.reset();
        }
    }

    /// Without a deadline while the output has no room: refill() is called when it has again.
    std::optional<SimTime> next_event() const override {
        const bool plays = reader_ && !ended_ && !unplugging_;
        if (!plays || (waits_for_room_ && !output_.empty())) return std::nullopt;
        return offline_since_.value_or(due_);
    }

    line::Signals modem_lines(SimTime now) const override {
        const bool dcd = state_.dcd.value_or(signals_.dcd);
        return {state_.dtr,   state_.rts, signals_.cts && !state_.stalled(now),
                signals_.dsr, dcd,        signals_.ri || state_.ri};
    }

private:
    /// Whether there is a next record. If it was read now, due_ becomes its time.
    bool read_on() {
        if (record_) return true;
        if (!reader_ || ended_) return false;
        auto next = reader_->next();
        if (!next) return fail(next.error());
        if (!*next) return begin_again();
        record_ = std::move(*next);
        sent_ = 0;
        due_ += pause_before(record_->time);
        return true;
    }

    /// The clock may have been set back in the capture; then the pause is as long as it takes to pass the latest time.
    nanoseconds pause_before(capture::Time time) {
        const capture::Time before = latest_.value_or(time);
        latest_ = std::max(before, time);
        if (spec_.speed == 0) return nanoseconds(0);
        nanoseconds::rep between = 0;
        if (__builtin_sub_overflow(latest_->time_since_epoch().count(), before.time_since_epoch().count(), &between))
            return pause_max;
        const Seconds pause = Seconds(nanoseconds(between)) / spec_.speed;
        return std::chrono::duration_cast<nanoseconds>(std::min<Seconds>(pause, pause_max));
    }

    bool begin_again() {
        ended_ = !spec_.loop || !had_bytes_;
        if (ended_) return false;
        if (auto begun = reader_->rewind(); !begun) return fail(begun.error());
        latest_.reset();
        had_bytes_ = false;
        return read_on();
    }

    /// The host is disconnected, and cannot open the device any more.
    bool fail(Error error) {
        error.message += "; after that restart vserd";
        failure_ = std::move(error);
        unplug(milliseconds(0));
        return false;
    }

    void unplug(milliseconds away_for) {
        state_.unplug_request = away_for;
        unplugging_ = true;
    }

    /// Whether all of the record took effect.
    bool play() {
        if (offline_since_) return pass();
        if (const auto* data = std::get_if<capture::Data>(&record_->content))
            return data->direction == capture::Direction::tx || send(*data);
        const auto* event = std::get_if<capture::Event>(&record_->content);
        if (event == nullptr) return true;
        if (event->signals) signals_ = *event->signals;
        if (event->errors) state_.counted += *event->errors;
        if (event->name == "offline") offline_since_ = due_;
        return true;
    }

    /// Passes over a record while the device is offline in the capture, to find out for how long it is. The record that ends that is
    /// played afterwards.
    bool pass() {
        due_ = std::min(due_, *offline_since_ + pause_max);
        if (!is_of_online_device(*record_)) return true;
        unplug(std::chrono::ceil<milliseconds>(due_ - *offline_since_));
        offline_since_.reset();
        return false;
    }

    static bool is_of_online_device(const capture::Record& record) {
        const auto* event = std::get_if<capture::Event>(&record.content);
        if (event != nullptr) return event->name == "online";
        const auto* data = std::get_if<capture::Data>(&record.content);
        return data != nullptr && data->direction == capture::Direction::rx;
    }

    bool send(const capture::Data& data) {
        const auto left = std::span(data.bytes).subspan(sent_);
        const auto piece = left.first(std::min(left.size(), output_.room()));
        output_.push(piece);
        sent_ += piece.size();
        had_bytes_ = had_bytes_ || !piece.empty();
        return sent_ == data.bytes.size();
    }

    const SimReplaySpec spec_;
    std::optional<capture::CaptureReader> reader_;
    std::optional<Error> failure_;
    std::optional<capture::Record> record_;  ///< the next one
    std::size_t sent_ = 0;                   ///< of its bytes
    SimTime due_;                            ///< its time
    std::optional<SimTime> offline_since_;   ///< in the capture, until it is known for how long
    std::optional<capture::Time> latest_;    ///< in the capture
    line::Signals signals_{.cts = true, .dsr = true, .dcd = true};
    bool waits_for_room_ = false;
    bool unplugging_ = false;  ///< until the host opens the device again
    bool had_bytes_ = false;   ///< since the beginning of the file
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<SimApplication> make_sim_replay(SimState& state, const SimReplaySpec& spec) {
    return std::make_unique<SimReplay>(state, spec);
}

}  // namespace vserd::sim
