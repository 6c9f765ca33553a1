#include "port/commands.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace vserd::port {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using State = TxCommand::State;

constexpr std::chrono::microseconds wire_wait_min{500};
constexpr std::chrono::microseconds wire_wait_max{50'000};
/// After output has been held this long, commands no longer wait for it.
constexpr milliseconds overtake_limit{2000};

bool waits_only(const TxCommand& command) { return std::holds_alternative<OutputSent>(command.action); }

/// Returns the new flow control if the command changes `current`.
std::optional<line::FlowControl> changed_flow_control(const TxCommand& command, line::FlowControl current) {
    const auto* change = std::get_if<line::SettingsChange>(&command.action);
    if (change == nullptr || change->flow_control == current) return std::nullopt;
    return change->flow_control;
}

}  // namespace

Commands::Commands(io::Loop& loop, PortStatus& port, TxQueue& queue, LineCalls& calls, OutputWatch& output,
                   const Life& life, Hooks hooks)
    : port_(port),
      queue_(queue),
      calls_(calls),
      output_(output),
      life_(life),
      hooks_(std::move(hooks)),
      timer_(loop, life) {}

/// Checks a change before it is queued. It is merged with the settings in force when it is applied.
Result<void> Commands::check(const TxCommand& command) const {
    const auto* change = std::get_if<line::SettingsChange>(&command.action);
    const line::Settings& settings = port_.settings;
    const auto valid = line::with_change(settings, change != nullptr ? *change : line::SettingsChange{});
    if (change != nullptr && !valid) return valid.error();
    if (auto online = port_.require_online(); !online) return online;
    if (waits_only(command)) return {};
    const auto lacks = [this](const char* capability) {
        return port_.unsupported(capability, fmt::format("lacks the capability {}", capability));
    };
    if (change == nullptr) return port_.capabilities->send_break ? Result<void>{} : lacks("send_break");
    const line::Settings& wanted = *valid;
    auto same_frame = wanted.format;
    same_frame.flow_control = settings.format.flow_control;
    if (wanted.baud != settings.baud && !port_.capabilities->baud) return lacks("baud");
    if (same_frame != settings.format && !port_.capabilities->format) return lacks("format");
    if (wanted.format.flow_control != settings.format.flow_control && !port_.capabilities->flow_control)
        return lacks("flow_control");
    return {};
}

void Commands::submit(TxCommand command) {
    if (const auto possible = check(command); !possible) return command.reply(possible.error());
    if (queue_.commands() + (running_ ? 1 : 0) + calls_.waiting() >= line_requests_max) {
        return command.reply(
            Error{Failure::exhausted, 0, "line_requests_max",
                  fmt::format("port \"{}\": too many requests are waiting; try again later", port_.config.name)});
    }
    command.deadline.when_canceled(life_.guarded([this] { arm(); }));
    queue_.push(std::make_shared<TxCommand>(std::move(command)));
    overtake_held_output();
    hooks_.proceed();
    arm();
}

/// Sets the timer to the earliest time at which step() has work.
void Commands::arm() {
    auto next = queue_.earliest_deadline();
    const auto front = queue_.front_command();
    if (running_ && running_->state == State::breaking) next = std::min(next, running_->until);
    if (!running_ && front && front->state == State::waiting) next = std::min(next, front->until);
    if (!running_ && output_.is_held() && queue_.commands() > 0)
        next = std::min(next, output_.held_since() + overtake_limit);
    next == Clock::time_point::max() || !port_.is_online() ? timer_.cancel() : timer_.at(next, [this] { step(); });
}

void Commands::step() {
    const auto now = Clock::now();
    for (const auto& command : queue_.take_expired(now)) {
        command->state = State::ended;
        command->reply(Error{Failure::timed_out, 0, "", late_message()});
    }
    if (running_ && running_->state == State::breaking && running_->until <= now) end_break();
    if (const auto front = queue_.front_command(); front && front->state == State::waiting && front->until <= now)
        front->state = State::queued;
    overtake_held_output();
    hooks_.proceed();
    arm();
}

std::string Commands::late_message() const {
    return fmt::format(
        "the deadline passed before earlier bytes were sent ({} queued in vserd, {} in the device{}); nothing was "
        "changed; flush the output to discard them",
        queue_.bytes(), device_pending_, output_.is_held() ? ", held by flow control" : "");
}

void Commands::begin_front() {
    const auto command = queue_.front_command();
    if (command->state != State::queued) return;
    command->state = State::asking;
    calls_.call<std::uint64_t>(
        [](line::Line& line) { return line.output_pending_bytes(); },
        [this, command](const Result<std::uint64_t>& pending) { take_pending(command, pending); });
}

/// Waits until the device has sent `pending` bytes. The command can still time out meanwhile.
void Commands::take_pending(const TxCommandRef& command, const Result<std::uint64_t>& pending) {
    if (!port_.is_online()) return;
    if (command->state != State::asking) return hooks_.proceed();  // already answered, or it overtook the bytes
    command->state = State::queued;
    device_pending_ = pending ? *pending : 0;
    if (running_) return;
    if (command->deadline.passed(Clock::now())) return step();
    if (pending && *pending == 0) return run(queue_.pop_command(), false);
    if (!pending) {
        running_ = queue_.pop_command();
        return finish(running_, pending.error());
    }
    output_.watch();
    command->state = State::waiting;
    command->until = Clock::now() + std::clamp(port_.wire_time(*pending), wire_wait_min, wire_wait_max);
    arm();
}

/// `at_once`: do not wait for the bytes before it.
void Commands::run(TxCommandRef command, bool at_once) {
    running_ = std::move(command);
    running_->state = State::running;
    arm();
    if (waits_only(*running_)) {
        finish(running_, port_.settings);
    } else if (const auto* change = std::get_if<line::SettingsChange>(&running_->action)) {
        apply(*change, at_once);
    } else {
        start_break();
    }
}

void Commands::apply(const line::SettingsChange& change, bool at_once) {
    const auto wanted = line::with_change(port_.settings, change);
    if (!wanted) return finish(running_, wanted.error());
    calls_.call<line::Settings>(
        [wanted = *wanted, at_once](line::Line& line) {
            return at_once ? line.apply_at_once(wanted) : line.apply(wanted);
        },
        [this, command = running_, wanted = *wanted](Result<line::Settings> applied) {
            if (applied && port_.is_online()) {
                port_.wanted = wanted;
                hooks_.settings_set(*applied);
            }
            finish(command, std::move(applied));
        });
}

void Commands::start_break() {
    const auto duration = std::get<milliseconds>(running_->action);
    calls_.call<void>([duration](line::Line& line) { return line.begin_break(duration); },
                      [this, command = running_, duration](const Result<void>& started) {
                          if (!started) return finish(command, started.error());
                          if (running_ != command) return;
                          command->state = State::breaking;
                          command->until = Clock::now() + duration;
                          arm();
                      });
}

void Commands::end_break() {
    running_->state = State::running;
    calls_.call<void>([](line::Line& line) { return line.end_break(); },
                      [this, command = running_](const Result<void>& ended) {
                          if (!ended) return finish(command, ended.error());
                          if (running_ != command) return;
                          port_.listener.on_event(BreakSent{std::get<milliseconds>(command->action)});
                          finish(command, port_.settings);
                      });
}

void Commands::finish(const TxCommandRef& command, Result<line::Settings> result) {
    if (!port_.is_online() || running_ != command) return;  // stop() answers it
    const auto ended = std::exchange(running_, nullptr);
    ended->state = State::ended;
    ended->reply(std::move(result));
    overtake_held_output();
    hooks_.proceed();
    arm();
}

void Commands::output_changed() {
    overtake_held_output();
    arm();
}

/// Applies a change of flow control at once: otherwise it would wait forever behind the bytes that it releases. The rest of
/// that change, and other commands, keep their place for at most overtake_limit.
void Commands::overtake_held_output() {
    if (!output_.is_held() || running_ || !port_.is_online()) return;
    const line::FlowControl current = port_.settings.format.flow_control;
    const auto lets_go = [&](const TxCommand& command) { return changed_flow_control(command, current).has_value(); };
    if (const TxCommand* command = queue_.find_command(lets_go)) {
        const line::SettingsChange part{.flow_control = changed_flow_control(*command, current)};
        line::Settings with_part = port_.settings;
        with_part.format.flow_control = *part.flow_control;
        const auto whole = line::with_change(port_.settings, std::get<line::SettingsChange>(command->action));
        if (!whole || whole->get() == with_part) return run(queue_.take_command(lets_go), true);
        const auto ignored = [](const Result<line::Settings>&) {};  // the reply follows with the whole change
        return run(std::make_shared<TxCommand>(TxCommand{part, Clock::time_point::max(), ignored}), true);
    }
    if (Clock::now() - output_.held_since() < overtake_limit) return;
    if (auto command = queue_.take_command([](const TxCommand& each) { return !waits_only(each); }))
        run(std::move(command), true);
}

void Commands::cancel(const Error& why) {
    for (const auto& command : queue_.take_commands()) {
        command->state = State::ended;
        command->reply(why);
    }
    if (running_ && running_->state == State::breaking) running_->until = Clock::now();
    arm();
}

void Commands::stop(const Error& disconnected) {
    timer_.cancel();
    auto commands = queue_.take_commands();
    if (running_) commands.insert(commands.begin(), std::exchange(running_, nullptr));
    for (const auto& command : commands) {
        command->state = State::ended;
        command->reply(disconnected);
    }
}

}  // namespace vserd::port
