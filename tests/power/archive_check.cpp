#include "power/archive_check.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "archive/archive_reader.hpp"
#include "archive/check.hpp"
#include "archive/names.hpp"
#include "archive/recording.hpp"

namespace vserd::power {
namespace {

using archive::ArchiveReader;
using archive::ByteView;

constexpr std::string_view appended = "what the next vserd archives\n";

class PortCheck {
public:
    PortCheck(const std::string& directory, std::string port, const Account& account, std::vector<Mark> marks,
              const CheckOptions& options, CheckResult& result)
        : archive_(directory),
          directory_(archive::port_path(directory, port)),
          port_(std::move(port)),
          account_(account),
          marks_(std::move(marks)),
          options_(options),
          result_(result) {}

    void run() {
        const std::uint64_t end = check_items("as it was left");
        check_loss(end);
        resume();
    }

private:
    void fault(const std::string& what) { result_.faults.push_back(port_ + ": " + what); }

    /// Up to which offset clients may have read.
    std::uint64_t handed_out() const {
        std::uint64_t offset = 0;
        for (const Mark& mark : marks_)
            if (const auto head = mark.heads.find(port_); head != mark.heads.end())
                offset = std::max(offset, head->second);
        return offset;
    }

    /// Everything from the oldest byte on follows what is before it, and is right. Returns where it ends.
    std::uint64_t check_items(const std::string& when) {
        ArchiveReader reader(directory_);
        auto cursor = reader.oldest();
        if (!cursor) return fault(when + ": " + cursor.error().message), 0;
        at_ = cursor->offset;
        has_data_ = false;
        result_.removed = result_.removed || at_ > 0;
        archive::ReadBatch batch;
        while (!batch.at_end) {
            if (auto read = reader.read(*cursor, std::size_t{256} << 10U, batch); !read)
                return fault(when + ": " + read.error().message), at_;
            for (const archive::ArchivedItem& item : batch.items) {
                if (const auto* data = std::get_if<archive::ArchivedData>(&item))
                    check_data(when, *data, batch.of(*data));
                if (const auto* gap = std::get_if<archive::ArchivedGap>(&item)) check_gap(when, *gap);
            }
        }
        return at_;
    }

    void check_data(const std::string& when, const archive::ArchivedData& data, ByteView bytes) {
        if (data.offset != at_)
            fault(when + ": data at " + std::to_string(data.offset) + " follow " + std::to_string(at_));
        at_ = data.offset + data.size;
        has_data_ = true;
        result_.bytes += data.size;
        const std::string right = resumed_ && data.offset >= *resumed_
                                      ? std::string(appended.substr(data.offset - *resumed_, data.size))
                                      : account_.bytes_at(port_, data.offset, data.size);
        const auto sent = std::as_bytes(std::span(right));
        const auto [wrong, ignored] = std::ranges::mismatch(bytes, sent);
        if (wrong == bytes.end()) return;
        fault(when + ": the byte at offset " +
              std::to_string(data.offset + static_cast<std::uint64_t>(wrong - bytes.begin())) + " is wrong");
    }

    /// A gap ends where a process began, or the power loss made it.
    void check_gap(const std::string& when, const archive::ArchivedGap& gap) {
        ++result_.gaps;
        if (gap.gap.from != at_)
            fault(when + ": a gap at " + std::to_string(gap.gap.from) + " follows " + std::to_string(at_));
        at_ = gap.gap.to;
        if (gap.gap.from == gap.gap.to || resumed_ == gap.gap.to) return;
        if (!has_data_ && gap.reason == "no longer kept in the archive") {  // segments are half removed
            result_.removed = true;
            return;
        }
        const std::vector<Life>& lives = account_.lives().at(port_);
        const auto is_its_begin = [&](const Life& life) { return life.begin == gap.gap.to; };
        if (std::any_of(lives.begin(), lives.end(), is_its_begin)) return check_kill(gap.gap);
        check_age(gap.gap.from, marks_.size() - 1, "power loss (" + gap.reason + ")");
    }

    /// What a killed process had not archived.
    void check_kill(const log::GapItem& gap) {
        for (std::size_t i = 0; i < marks_.size(); ++i) {
            if (marks_[i].kind != Mark::Kind::killed || !marks_[i].heads.contains(port_)) continue;
            if (marks_[i].heads.at(port_) < gap.from || marks_[i].heads.at(port_) > gap.to) continue;
            check_age(gap.from, i, "a kill");
        }
    }

    /// No more than the interval is lost, and nothing after an orderly stop.
    void check_loss(std::uint64_t end) {
        std::uint64_t begin = 0;
        for (const Life& life : account_.lives().at(port_))
            if (life.begin <= handed_out()) begin = life.begin;
        if (!marks_.empty() && marks_.back().kind != Mark::Kind::killed)
            check_age(std::max(end, begin), marks_.size() - 1, "power loss");
        for (const Mark& mark : marks_) {
            const auto head = mark.heads.find(port_);
            if (mark.kind == Mark::Kind::stopped && head != mark.heads.end() && head->second > end)
                fault("bytes before an orderly stop are lost: " + std::to_string(end) + " to " +
                      std::to_string(head->second));
        }
    }

    /// `end`: the first byte that is lost, at the moment of that mark.
    void check_age(std::uint64_t end, std::size_t moment, const std::string& by) {
        for (std::size_t i = 0; i <= moment; ++i) {
            const auto head = marks_[i].heads.find(port_);
            if (head == marks_[i].heads.end() || head->second <= end) continue;
            const double age = marks_[moment].second - marks_[i].second;
            result_.oldest_lost_seconds = std::max(result_.oldest_lost_seconds, age);
            if (age > options_.sync_seconds + options_.allowed_seconds)
                fault(by + " costs bytes that had been there for " + std::to_string(age) + " s, from offset " +
                      std::to_string(end));
            return;
        }
    }

    void resume() {
        archive::Settings settings;
        settings.directory = archive_;
        settings.segment_bytes = std::uint64_t{64} << 10U;
        auto recording = archive::Recording::open(settings, port_);
        if (!recording) return fault("the next vserd cannot open it: " + recording.error().message);
        const bool known = !(*recording)->reserved().log_id.empty();
        const archive::Beginning beginning = (*recording)->begin("a new log", 0, false);
        if (beginning.is_in_memory) return check_new(known);
        if (known && beginning.at.offset < handed_out())
            fault("offset " + std::to_string(beginning.at.offset) + " is given again, up to " +
                  std::to_string(handed_out()));
        resumed_ = beginning.at.offset;
        append(**recording, beginning.at);
        if (check_items("after the next start") != *resumed_ + appended.size())
            fault("the next vserd's bytes are not there");
        verify();
    }

    /// Without a reservation nothing can be there for long.
    void check_new(bool known) {
        if (known) fault("the log begins anew");
        check_age(0, marks_.empty() ? 0 : marks_.size() - 1, "power loss before the first reservation");
    }

    void append(archive::Recording& recording, const log::Cursor& at) {
        log::DataItem item{.offset = at.offset, .size = appended.size(), .slices = {}, .received = log::Moment::now()};
        item.slices.push_back({{}, std::as_bytes(std::span(appended)).data(), appended.size()});
        archive::Batch batch;
        batch.items.emplace_back(std::move(item));
        batch.sync_now = true;
        const archive::Recorded recorded = recording.write(batch);
        if (!recorded.result) fault("the next vserd cannot write: " + recorded.result.error().message);
    }

    void verify() {
        const auto report = archive::verify_port(directory_);
        if (!report) return fault("verify: " + report.error().message);
        for (const archive::Finding& finding : report->findings) {
            const std::string text = "verify: " + finding.path + " " + finding.problem;
            if (finding.from == finding.to) fault(text);
            check_age(finding.from, marks_.size() - 1, text);
        }
        const auto stat = archive::stat_port(directory_);
        if (stat) result_.sealed += stat->sealed_segments;
    }

    const std::string archive_;
    const std::string directory_;
    const std::string port_;
    const Account& account_;
    const std::vector<Mark> marks_;
    const CheckOptions& options_;
    CheckResult& result_;
    std::uint64_t at_ = 0;
    bool has_data_ = false;  ///< before at_
    std::optional<std::uint64_t> resumed_;
};

}  // namespace

CheckResult check_archive(const std::string& directory, const Account& account, std::size_t entry,
                          const CheckOptions& options) {
    CheckResult result;
    for (const auto& [port, lives] : account.lives())
        PortCheck(directory, port, account, account.before(entry), options, result).run();
    return result;
}

}  // namespace vserd::power
