#include "vserctl/log_merge.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "vserctl/describe.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

constexpr std::size_t entries_max = 1000;  // of a port that is ahead of the others
constexpr std::chrono::milliseconds hold{200};
constexpr std::chrono::seconds log_retry_interval{1};

}  // namespace

struct LogMerge::Source {
    struct Waiting {
        LogEntry entry;
        Clock::time_point since;
    };

    std::size_t port = 0;
    std::string name;
    client::StartPoint from;  ///< of the next read
    std::string log_id;
    client::Time last_time;
    std::uint64_t head = 0;              ///< when the read began
    std::uint64_t bytes_left = 0;        ///< guarded by mutex_; to be searched
    client::Time searched_to;            ///< guarded by mutex_; 0: no progress was reported
    std::deque<Waiting> entries;         ///< guarded by mutex_
    bool ended = false;                  ///< guarded by mutex_
    Items* items = nullptr;              ///< guarded by mutex_; for cancel()
    std::optional<client::Error> error;  ///< guarded by mutex_
    std::thread thread;
};

LogMerge::LogMerge(std::vector<client::Client> owners, FindOwner find, const LogCommand& command)
    : owners_(std::move(owners)), find_(std::move(find)), command_(command) {
    for (const auto& name : command.ports) {
        auto& source = *sources_.emplace_back(std::make_unique<Source>());
        source.port = sources_.size() - 1;
        source.name = name;
        source.from = command.from;
    }
    for (auto& source : sources_) start(*source);
}

LogMerge::~LogMerge() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        for (auto& source : sources_) {
            if (source->items != nullptr) source->items->cancel();
        }
    }
    room_.notify_all();
    for (auto& source : sources_) {
        if (source->thread.joinable()) source->thread.join();
    }
}

void LogMerge::start(Source& source) {
    try {
        source.thread = std::thread([this, &source] { run(source); });
    } catch (const std::system_error& failure) {
        end(source, client::Error{.code = client::Code::resource_exhausted,
                                  .message = std::string("cannot start a thread: ") + failure.what(),
                                  .reason = "LOCAL"});
    }
}

void LogMerge::end(Source& source, std::optional<client::Error> error) {
    const std::lock_guard lock(mutex_);
    source.error = std::move(error);
    source.ended = true;
    changed_.notify_all();
}

std::optional<LogEntry> LogMerge::next(const OnProgress& on_progress) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (std::exchange(progressed_, false)) report(on_progress);
        Source* first = nullptr;
        bool complete = true;  // no port can give an older entry
        for (auto& source : sources_) {
            if (source->entries.empty()) {
                complete = complete && source->ended;
            } else if (first == nullptr || source->entries.front().entry.time < first->entries.front().entry.time) {
                first = source.get();
            }
        }
        if (first == nullptr && complete) return std::nullopt;
        const auto held_until = first != nullptr ? first->entries.front().since + hold : Clock::time_point::max();
        if (first != nullptr && (complete || (command_.follow && held_until <= Clock::now()))) {
            auto entry = std::move(first->entries.front().entry);
            first->entries.pop_front();
            room_.notify_all();
            return entry;
        }
        if (first != nullptr && command_.follow) {
            changed_.wait_until(lock, held_until);
        } else {
            changed_.wait(lock);
        }
    }
}

void LogMerge::report(const OnProgress& on_progress) {
    std::uint64_t bytes_left = 0;
    std::optional<client::Time> time;
    for (const auto& source : sources_) {
        if (source->ended || source->searched_to == client::Time{}) continue;
        bytes_left += source->bytes_left;
        time = std::min(time.value_or(source->searched_to), source->searched_to);
    }
    if (time) on_progress(*time, bytes_left);
}

std::optional<client::Error> LogMerge::error() const {
    const std::lock_guard lock(mutex_);
    for (const auto& source : sources_) {
        if (source->error) return source->error;
    }
    return std::nullopt;
}

void LogMerge::run(Source& source) {
    auto port = owners_[source.port].get_port(source.name);
    std::optional<client::Error> error;
    if (!port) {
        error = port.error();
    } else {
        source.log_id = port->log_id;
        source.head = port->next_offset;
        error = read(source);
        while (error && command_.follow && may_pass(*error) && resume(source)) error = read(source);
    }
    end(source, std::move(error));
}

/// Reads until the stream ends. Returns why, if not at the end of the log.
std::optional<client::Error> LogMerge::read(Source& source) {
    client::ReadOptions options{.from = source.from, .follow = command_.follow, .until = command_.until};
    options.exact_times = command_.format == LogFormat::asciicast;
    if (command_.format != LogFormat::asciicast) options.match = command_.pattern.empty() ? "^" : command_.pattern;
    options.lines_before = command_.before;
    options.lines_after = command_.after;
    if (!command_.pattern.empty() && !command_.follow) {
        options.on_progress = [this, &source](std::uint64_t offset, client::Time time) {
            const std::lock_guard lock(mutex_);
            source.bytes_left = source.head - std::min(offset, source.head);
            source.searched_to = time;
            progressed_ = true;
            changed_.notify_all();
        };
    }
    Items items = owners_[source.port].read(source.name, options);
    {
        const std::lock_guard lock(mutex_);
        if (closing_) return std::nullopt;
        source.items = &items;
    }
    bool room = true;
    while (room) {
        auto item = items.next();
        if (!item) break;
        if (const auto* data = std::get_if<client::Data>(&*item)) {
            source.last_time = data->receive_time;
            source.from = client::StartPoint::offset(data->offset + data->bytes.size());
        } else if (const auto* gap = std::get_if<client::Gap>(&*item)) {
            source.from = client::StartPoint::offset(gap->to);
        } else if (const auto* event = std::get_if<client::Event>(&*item)) {
            source.last_time = event->time;
        }
        LogEntry entry{source.port, source.last_time, {}};
        std::visit([&entry](auto& one) { entry.what = std::move(one); }, *item);
        room = add(source, std::move(entry));
    }
    const std::lock_guard lock(mutex_);
    source.items = nullptr;
    return closing_ ? std::nullopt : items.error();
}

/// Waits until the server answers. Returns false if the log cannot be continued.
bool LogMerge::resume(Source& source) {
    note(source, "the connection was lost; reconnecting");
    while (wait_to_retry()) {
        if (find_) {
            if (auto owner = find_(source.name)) owners_[source.port] = *std::move(owner);
        }
        const auto port = owners_[source.port].get_port(source.name);
        if (!port && may_pass(port.error())) continue;
        if (port && port->log_id != source.log_id) {
            note(source, "the server has a new log, which is read from its beginning");
            source.log_id = port->log_id;
            source.from = client::StartPoint::oldest();
        }
        return true;  // an error comes again from read()
    }
    return false;
}

/// A port on its way to another server is at none.
bool LogMerge::may_pass(const client::Error& error) const {
    return error.code == client::Code::unavailable || (find_ && error.code == client::Code::not_found);
}

/// Returns false if this closes.
bool LogMerge::wait_to_retry() {
    std::unique_lock lock(mutex_);
    return !room_.wait_for(lock, log_retry_interval, [this] { return closing_; });
}

bool LogMerge::add(Source& source, LogEntry entry) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closing_ || source.entries.size() < entries_max; });
    if (closing_) return false;
    source.entries.push_back({std::move(entry), Clock::now()});
    changed_.notify_all();
    return true;
}

void LogMerge::note(Source& source, const std::string& text) {
    add(source, {source.port, source.last_time, LogNote{text}});
}

}  // namespace vserctl
