#include "hub/archive_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vserd::hub {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t port_bytes_max = std::size_t{256} << 10U;  ///< of one port in a round
constexpr std::size_t round_bytes_max = std::size_t{8} << 20U;
/// A round that takes longer is reported like a driver that hangs.
constexpr milliseconds round_limit{10'000};
/// To look at what there is, for the metrics; after the same time again comes the first upkeep, so that a daemon that is restarted often
/// does it too.
constexpr milliseconds first_upkeep{3000};
/// Sealing takes long.
constexpr std::chrono::hours upkeep_limit{24};

Error disk_hangs() { return {Failure::io, 0, "archive", "the disk has not answered for 10 s"}; }

}  // namespace

/// One port's share of a round.
struct ArchiveWriter::Part {
    std::weak_ptr<ArchiveFeed> feed;  // the port may be removed meanwhile
    std::shared_ptr<archive::Recording> recording;
    archive::Batch batch;
    archive::Recorded recorded;
};

/// What a worker does once a minute.
struct ArchiveWriter::Upkeep {
    Upkeep(archive::Settings archive, std::shared_ptr<archive::TrustedClock> trusted, std::vector<std::string> unopened,
           bool has_lock, bool looked_before)
        : settings(std::move(archive)),
          clock(std::move(trusted)),
          ports(std::move(unopened)),
          locked(has_lock),
          looked(looked_before) {}
    void run();

    const archive::Settings settings;
    const std::shared_ptr<archive::TrustedClock> clock;
    const std::vector<std::string> ports;  ///< to be opened
    const bool locked;
    const bool looked;
    archive::Opening opening;
    archive::UpkeepReport report;
    bool has_looked = false;
};

void ArchiveWriter::Upkeep::run() {
    if (!ports.empty() || !locked) opening = archive::open_recordings(settings, ports, locked);
    if (!locked && !opening.lock) return;  // perhaps it is another vserd's
    const bool opened = std::ranges::any_of(opening.ports, [](const auto& port) { return bool{port.second}; });
    if (!looked || opened) {  // what was opened is to be written soon, and sealing may take long
        report = archive::look(settings);
        has_looked = true;
        return;
    }
    report = archive::keep_up(settings, clock->at(log::Moment::now()));
    if (!clock->stored()) report.errors.push_back(clock->stored().error());
}

ArchiveWriter::ArchiveWriter(io::Loop& loop, archive::Settings settings, Hooks hooks)
    : loop_(loop),
      settings_(std::move(settings)),
      hooks_(std::move(hooks)),
      workers_(loop, {.threads_max = 2, .slow_max = 2}),
      readers_(loop, {.threads_max = 2, .slow_max = 8}),
      timer_(loop.context()),
      upkeep_timer_(loop.context()),
      clock_(std::make_shared<archive::TrustedClock>(archive::clock_path(settings_))) {
    plan_upkeep(std::min(settings_.upkeep, first_upkeep));
}

ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::take(archive::Opening&& opening) {
    if (opening.lock && !lock_) lock_ = std::move(opening.lock);
    for (auto& [port, recording] : opening.ports) {
        recording ? void(recordings_.try_emplace(port, *recording)) : note_missing(port, recording.error());
    }
}

void ArchiveWriter::note_missing(const std::string& port, const Error& error) {
    port::add(errors_->open, 1);
    if (missing_.insert(port).second) hooks_.state_changed(port, error);
}

void ArchiveWriter::keep_trying(const std::function<bool(const std::string&)>& is_wanted) {
    std::erase_if(missing_, std::not_fn(is_wanted));
}

std::shared_ptr<archive::Recording> ArchiveWriter::recording(const std::string& port) {
    if (hung_) {  // a worker may still be writing to it
        note_missing(port, disk_hangs());
        return nullptr;
    }
    if (!has(port)) take(archive::open_recordings(settings_, {port}, has_lock()));
    const auto found = recordings_.find(port);
    return found == recordings_.end() ? nullptr : found->second;
}

std::vector<std::string> ArchiveWriter::unopened() const {
    std::vector<std::string> ports;
    std::ranges::copy_if(missing_, std::back_inserter(ports),
                         [this](const std::string& port) { return !recordings_.contains(port); });
    return ports;
}

/// While the disk hangs, a worker may still be writing to one of them.
void ArchiveWriter::join_late() {
    if (hung_) return;
    for (auto port = missing_.begin(); port != missing_.end();) {
        const auto found = recordings_.find(*port);
        if (found == recordings_.end()) {
            ++port;
            continue;
        }
        port = missing_.erase(port);
        hooks_.opened_late(found->first, found->second);
    }
}

void ArchiveWriter::release_reserved(std::function<void()> done) {
    if (hung_) return done();
    auto call = std::make_shared<std::function<void()>>(std::move(done));
    const auto end = [call] {
        if (auto once = std::exchange(*call, nullptr)) once();
    };
    workers_.run({.work =
                      [recordings = recordings_] {  // what fails stays reserved
                          for (const auto& [port, recording] : recordings)
                              static_cast<void>(recording->release_reserved());
                      },
                  .done = end,
                  .overdue = end,
                  .refused = [end](const Error&) { end(); },
                  .limit = round_limit});
}

void ArchiveWriter::mark(ArchiveFeed& feed, bool hurry) {
    if (!feed.is_linked()) waiting_.push_back(feed);
    const bool sooner = hurry && !std::exchange(hurry_, true);
    if (!in_flight_ && (sooner || !armed_)) arm();
}

/// When the next round begins.
void ArchiveWriter::arm() {
    const auto now = Clock::now();
    if (next_round_ <= now) next_round_ = now + settings_.round();
    arm_at(hurry_ || !due_.empty() ? now : next_round_);
}

void ArchiveWriter::arm_at(Clock::time_point when) {
    armed_ = true;
    timer_.expires_at(when);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        armed_ = false;
        begin_round();
    });
}

void ArchiveWriter::begin_round() {
    if (in_flight_) return;
    take_due();
    auto round = std::make_shared<Round>();
    for (std::size_t bytes = 0; bytes + port_bytes_max <= round_bytes_max && !due_.empty();) {
        ArchiveFeed& feed = due_.front();
        feed.unlink();
        round->push_back({feed.weak_from_this(), feed.recording_, feed.take(port_bytes_max), {}});
        bytes += round->back().batch.bytes;
    }
    if (round->empty()) return waiting_.empty() ? void() : arm();
    in_flight_ = true;
    workers_.run({.work =
                      [round] {
                          for (Part& part : *round) part.recorded = part.recording->write(part.batch);
                      },
                  .done = [this, round] { end_round(*round); },
                  .overdue = [this, round] { note_hung(*round); },
                  .refused =
                      [this, round](const Error& error) {
                          for (Part& part : *round) {
                              part.recorded.result = error;
                              part.recorded.next = part.recording->next();
                              part.recorded.sent_next = part.recording->sent_next();
                          }
                          end_round(*round);
                      },
                  .limit = round_limit});
}

void ArchiveWriter::plan_upkeep(milliseconds wait) {
    upkeep_timer_.expires_after(wait);
    upkeep_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) keep_up();
    });
}

void ArchiveWriter::keep_up() {
    auto upkeep = std::make_shared<Upkeep>(settings_, clock_, unopened(), has_lock(), looked_);
    workers_.run({.work = [upkeep] { upkeep->run(); },
                  .done =
                      [this, upkeep] {
                          take(std::move(upkeep->opening));
                          join_late();
                          kept_up(upkeep->report, upkeep->has_looked);
                      },
                  .overdue = [] {},
                  .refused = [this](const Error&) { plan_upkeep(settings_.upkeep); },
                  .limit = upkeep_limit});
}

void ArchiveWriter::kept_up(const archive::UpkeepReport& report, bool looked_only) {
    looked_ = looked_ || looked_only;
    port::add(errors_->upkeep, report.errors.size());
    const bool failed = !report.errors.empty();
    if (std::exchange(upkeep_failing_, failed) != failed) {
        hooks_.state_changed({}, failed ? Result<void>(report.errors.front()) : Result<void>{});
    }
    hooks_.kept_up(report);
    plan_upkeep(looked_only ? std::min(settings_.upkeep, first_upkeep) : settings_.upkeep);
}

/// All ports that wait, if it is time; otherwise those that hurry.
void ArchiveWriter::take_due() {
    hurry_ = false;
    if (Clock::now() >= next_round_) return due_.splice(due_.end(), waiting_);
    for (auto feed = waiting_.begin(); feed != waiting_.end();) {
        ArchiveFeed& one = *feed++;
        if (!one.hurries()) continue;
        one.unlink();
        due_.push_back(one);
    }
}

void ArchiveWriter::note_hung(const Round& round) {
    hung_ = true;
    for (const Part& part : round) {
        if (const auto feed = part.feed.lock()) feed->note_hung(disk_hangs());
    }
    for (Feeds* const list : {&waiting_, &due_}) {  // those that end do not wait for the disk
        for (auto feed = list->begin(); feed != list->end();) {
            ArchiveFeed& one = *feed++;
            if (one.done_) one.note_hung(disk_hangs());
        }
    }
}

void ArchiveWriter::end_round(const Round& round) {
    in_flight_ = false;
    hung_ = false;
    for (const Part& part : round) {
        if (const auto feed = part.feed.lock()) feed->written(part.recorded);
    }
    if (!due_.empty() || !waiting_.empty()) arm();
}

}  // namespace vserd::hub
