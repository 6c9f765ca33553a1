#include "contract/fault_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace vserd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

/// Compares what it is given with what the engine has read.
class FaultRun::CheckedReader : public hub::Sink {
public:
    explicit CheckedReader(FaultRun& run) : run_(run) {}

    Result<void> attach(const hub::StartPoint& from) {
        auto reader = run_.channel_->attach(from, *this);
        if (!reader) return reader.error();
        reader_ = std::move(*reader);
        offset_ = reader_->offset();
        return {};
    }
    void detach() { reader_.reset(); }
    bool attached() const noexcept { return reader_ != nullptr; }
    bool at_head() const { return offset_ == run_.channel_->log().next_offset(); }
    std::size_t patience_items = 0;  ///< takes that many items and stops; 0: never stops

    void on_available() override {
        for (std::size_t taken = 0; reader_ && (patience_items == 0 || taken < patience_items); ++taken) {
            const auto item = reader_->next(1 + run_.dice(5000));
            if (!item) return;
            take(*item);
            if (run_.phase_ == Phase::playing && run_.dice(200) == 0) run_.touch_reader();  // itself perhaps
        }
    }
    void on_closed(const Error& /*why*/) override { reader_.reset(); }

private:
    void take(const log::Item& item) {
        const std::string& all = run_.engine_->bytes_read();
        if (const auto* data = std::get_if<log::DataItem>(&item)) {
            ASSERT_EQ(data->offset, offset_) << "bytes twice, or left out without a gap";
            ASSERT_LE(offset_ + data->size, all.size()) << "bytes that the device never sent";
            for (const auto& slice : data->slices) {
                const std::string_view got(reinterpret_cast<const char*>(slice.data), slice.size);
                ASSERT_EQ(got, std::string_view(all).substr(offset_, slice.size)) << "other bytes at " << offset_;
                offset_ += slice.size;
            }
            ASSERT_EQ(offset_, data->offset + data->size);
        } else if (const auto* gap = std::get_if<log::GapItem>(&item)) {
            ASSERT_EQ(gap->from, offset_);
            ASSERT_EQ(gap->to, std::max(offset_, run_.channel_->log().oldest_offset())) << "a gap of bytes still held";
            ASSERT_TRUE(gap->to > gap->from || gap->events_lost > 0) << "a gap of nothing";
            offset_ = gap->to;
        } else {
            const auto& event = std::get<log::EventItem>(item);
            ASSERT_EQ(event.offset, offset_) << "an event away from its place";
        }
    }

    FaultRun& run_;
    std::unique_ptr<hub::Reader> reader_;
    std::uint64_t offset_ = 0;
};

struct FaultRun::Write {
    explicit Write(std::string text) : bytes(std::move(text)) {
        pending.bytes = std::as_bytes(std::span{bytes});
        pending.done = [this](Result<void> outcome) {
            EXPECT_FALSE(result || withdrawn) << "a write that ends twice";
            if (outcome) {
                EXPECT_EQ(pending.taken, bytes.size());
            }
            result = std::move(outcome);
        };
    }
    std::string_view accepted() const { return std::string_view(bytes).substr(0, pending.taken); }
    bool over() const { return result || withdrawn; }

    std::string bytes;
    hub::PendingWrite pending;
    std::optional<Result<void>> result;
    bool withdrawn = false;
};

FaultRun::FaultRun(std::uint64_t seed, const std::filesystem::path& directory)
    : seed_(seed), random_(seed), device_(directory / ("tty" + std::to_string(seed))) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "VSERD_FAULT_SEED=" + std::to_string(seed_));
    auto engine = std::make_unique<FaultyEngine>(random_());
    engine_ = engine.get();
    constexpr std::array<unsigned, 4> levels{0, 20, 200, 700};
    faults_ = {levels[dice(4)], levels[dice(4)], levels[dice(2)], levels[dice(2)]};
    loop_ = std::make_unique<io::Loop>(std::move(engine));
    hub_ = std::make_unique<hub::Hub>(*loop_);
    simulated_ = dice(4) == 0;
    if (simulated_) faults_.fail = faults_.hang_up = 0;  // nothing tells that it is back, so each costs a wait
    engine_->set_faults(faults_);
    settles_ = dice(3) != 0;
    actions_left_ = 10 + static_cast<unsigned>(dice(70));
    if (!simulated_ && dice(4) != 0) device_.plug();
    hub::HubConfig config;
    config.limits = {fault::history_bytes, /*readers_max=*/8, /*pending_writes_max=*/4};
    config.ports.push_back(
        {"p", "", simulated_ ? "sim:echo?unpaced=1" : device_.node().string(), {}, fault::tx_queue_bytes});
    hub_->apply(config);
    channel_ = hub_->find("p");
    writer_ = std::make_unique<hub::Writer>(
        *channel_, std::make_shared<const hub::Client>(hub::Client{.name = "script"}), access::Role::admin);
    deadline_ = steady_clock::now() + fault::patience;
}

FaultRun::~FaultRun() = default;

std::string FaultRun::some_bytes(std::size_t size_max) {
    std::string bytes(1 + dice(size_max), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
}

bool FaultRun::turn() {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "VSERD_FAULT_SEED=" + std::to_string(seed_));
    busy_ = loop_->poll_once();
    if (device_.send()) busy_ = true;
    if ((phase_ != Phase::playing || dice(3) == 0) && device_.receive()) busy_ = true;
    if (phase_ != Phase::stopping && !is_online() && dice(8) == 0) device_.announce();
    if (phase_ == Phase::playing) play();
    if (phase_ == Phase::settling && settled()) stop();
    if (phase_ == Phase::stopping && hub_down_) check_end();
    if (phase_ != Phase::over && steady_clock::now() > deadline_) {
        ADD_FAILURE() << "not over in phase " << static_cast<int>(phase_) << "; " << replies_due_
                      << " replies are due, " << engine_->outstanding() << " operations outstanding";
        std::abort();  // nothing can be taken down any more
    }
    return phase_ != Phase::over;
}

void FaultRun::play() {
    if (dice(4) != 0) return;  // let the last action meet some turns of the loop
    if (actions_left_ == 0) return settles_ ? settle() : stop();
    --actions_left_;
    busy_ = true;
    switch (dice(16)) {
        case 0: return device_.unplug();
        case 1: return simulated_ ? void() : device_.plug();
        case 2: return add_reader();
        case 3: return touch_reader();
        case 4: return withdraw_write();
        case 5: return change_settings();
        case 6: return send_break();
        case 7: return flush();
        case 8:
        case 9:
        case 10: return device_.say(some_bytes(6000));
        default: return submit_write();
    }
}

bool FaultRun::is_online() const { return channel_->port().state() == port::PortState::online; }

void FaultRun::submit_write() {
    auto& write = writes_.emplace_back(some_bytes(2 * fault::tx_queue_bytes));
    write.pending.wait_while_offline = dice(2) == 0;
    channel_->submit(*writer_, write.pending);
    check_accepted();
}

void FaultRun::withdraw_write() {
    for (auto& write : writes_) {
        if (write.over() || dice(2) == 0) continue;
        hub::Channel::withdraw(write.pending);
        write.withdrawn = true;
        return;
    }
}

void FaultRun::add_reader() {
    const auto& log = channel_->log();
    const std::array<hub::StartPoint, 5> starts{hub::StartLive{}, hub::StartOldest{},
                                                hub::StartOffset{dice(log.next_offset() + 2)},
                                                hub::StartTail{dice(2 * fault::history_bytes)},
                                                hub::StartSince{log::Moment::now().wall - milliseconds{dice(50)}}};
    auto& reader = readers_.emplace_back(*this);
    if (dice(3) == 0) reader.patience_items = 1 + dice(4);
    const auto& start = starts[dice(starts.size())];
    const auto attached = reader.attach(start);
    if (attached) return reader.on_available();
    const auto* offset = std::get_if<hub::StartOffset>(&start);
    const bool too_far = offset != nullptr && offset->offset > log.next_offset();
    const auto failure = attached.error().failure;
    EXPECT_TRUE(failure == Failure::exhausted || (too_far && failure == Failure::out_of_range))
        << attached.error().message;
}

void FaultRun::touch_reader() {
    for (auto& reader : readers_) {
        if (!reader.attached() || dice(3) != 0) continue;
        if (dice(2) == 0) return reader.detach();
        reader.patience_items = dice(3);
        return reader.on_available();
    }
}

void FaultRun::change_settings() {
    constexpr std::array<std::uint32_t, 4> bauds{9600, 115200, 31250, 0};
    line::SettingsChange change;
    change.baud = bauds[dice(bauds.size())];
    ++replies_due_;
    const bool ordered = flushes_.empty();
    const std::uint64_t before = channel_->port().tx_offset();
    channel_->port().change_settings(change, steady_clock::now() + milliseconds{dice(30)},
                                     [this, before, ordered](const Result<line::Settings>& changed) {
                                         --replies_due_;
                                         if (!changed || !ordered || !flushes_.empty()) return;
                                         EXPECT_GE(engine_->bytes_written().size(), before) << "it overtook bytes";
                                     });
}

void FaultRun::send_break() {
    ++replies_due_;
    channel_->port().send_break(milliseconds{1 + dice(5)}, steady_clock::now() + milliseconds{dice(30)},
                                [this](const Result<void>&) { --replies_due_; });
}

void FaultRun::flush() {
    const auto direction =
        std::array{line::FlushDirection::input, line::FlushDirection::output, line::FlushDirection::both}[dice(3)];
    const bool drops = direction != line::FlushDirection::input;
    auto& flush = flushes_.emplace_back(Flush{channel_->port().tx_offset(), engine_->writes_started(), {}});
    const unsigned replies_due = replies_due_++;
    channel_->port().flush(direction, [this, drops, &flush](const Result<std::uint64_t>& dropped) {
        --replies_due_;
        if (dropped && drops) flush.dropped = *dropped;
        if (dropped && !drops) {
            EXPECT_EQ(*dropped, 0u);
        }
    });
    const bool refused = replies_due_ == replies_due;
    if (refused || !drops) flushes_.pop_back();
    check_accepted();
}

void FaultRun::settle() {
    phase_ = Phase::settling;
    engine_->set_faults({.delay = 200, .split = 200});
    if (!simulated_) device_.plug();
    for (auto& reader : readers_) {
        reader.patience_items = 0;
        reader.on_available();
    }
}

bool FaultRun::settled() const {
    const auto& port = channel_->port();
    return is_online() && port.tx_queue_bytes() == 0 && replies_due_ == 0 && device_.has_said_all() &&
           std::all_of(writes_.begin(), writes_.end(), [](const Write& write) { return write.over(); }) &&
           std::all_of(readers_.begin(), readers_.end(),
                       [](const CheckedReader& reader) { return !reader.attached() || reader.at_head(); });
}

void FaultRun::stop() {
    check_accepted();
    EXPECT_EQ(channel_->log().next_offset(), engine_->bytes_read().size());
    EXPECT_EQ(channel_->port().stats()->rx_bytes, engine_->bytes_read().size());
    EXPECT_EQ(channel_->port().stats()->tx_bytes, engine_->bytes_written().size());
    if (phase_ == Phase::settling) check_written(/*all=*/true);
    phase_ = Phase::stopping;
    if (dice(2) == 0) hub_->apply({});
    hub_->shut_down(milliseconds{dice(20)}, [this] { hub_down_ = true; });
}

/// What the port took is what the writes were told.
void FaultRun::check_accepted() const {
    std::uint64_t accepted = 0;
    for (const auto& write : writes_) accepted += write.pending.taken;
    ASSERT_EQ(channel_->port().tx_offset(), accepted);
}

/// Accepted bytes reach the device in order and once, but for those that a flush dropped and counted.
void FaultRun::check_written(bool all) const {
    std::string accepted;
    for (const auto& write : writes_) accepted += write.accepted();
    const std::string& written = engine_->bytes_written();
    std::size_t accepted_at = 0;
    std::size_t written_at = 0;
    for (const auto& flush : flushes_) {
        const std::size_t written_to = engine_->written_before_write(flush.writes_started);
        const std::size_t size = written_to - written_at;
        ASSERT_LE(size, flush.accepted - accepted_at) << "bytes written that were accepted behind a flush";
        ASSERT_EQ(written.substr(written_at, size), accepted.substr(accepted_at, size)) << "before a flush";
        if (flush.dropped) {
            EXPECT_EQ(*flush.dropped, flush.accepted - accepted_at - size) << "of a flush's reply";
        }
        accepted_at = flush.accepted;
        written_at = written_to;
    }
    const std::string rest = written.substr(written_at);
    ASSERT_EQ(rest, accepted.substr(accepted_at, rest.size())) << "behind the last flush";
    if (all) {
        EXPECT_EQ(rest.size(), accepted.size() - accepted_at) << "accepted bytes that were never written";
    }
}

void FaultRun::check_end() {
    phase_ = Phase::over;
    check_written(/*all=*/false);
    EXPECT_EQ(engine_->outstanding(), 0u);
    EXPECT_EQ(engine_->attached(), 0u);
    EXPECT_EQ(engine_->misuses(), std::vector<std::string>{});
    EXPECT_EQ(replies_due_, 0u);
    for (const auto& write : writes_) EXPECT_TRUE(write.over()) << "a write that was never answered";
    for (const auto& reader : readers_) EXPECT_FALSE(reader.attached()) << "a reader that was not told of the end";
}

}  // namespace vserd
