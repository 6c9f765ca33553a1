// power_replay LOG IMAGE DIRECTORY [--every] [--sample N] [--part I/N] [--seed N] [--sync SECONDS]
// LOG: what dm-log-writes recorded of a file system that began as IMAGE; DIRECTORY: for copies. Needs root.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "archive/files.hpp"
#include "power/archive_check.hpp"
#include "power/image.hpp"

namespace vserd::power {
namespace {

struct Options {
    std::string log, image, directory;
    bool every = false;    ///< after every write, and not only after every flush
    unsigned sample = 16;  ///< of so many writes between flushes, one is a point too
    unsigned part = 0;     ///< of the points
    unsigned parts = 1;
    std::uint64_t seed = std::random_device{}();
    double sync_seconds = 1;
};

/// Cuts the power at many points of a log.
class Replay {
public:
    Replay(const Options& options, const WriteLog& log)
        : options_(options),
          log_(log),
          account_(log.writes()),
          random_(options.seed),
          base_(options.directory + "/base.img"),
          copy_(options.directory + "/copy.img"),
          mount_(options.directory + "/mnt") {
        ::mkdir(mount_.c_str(), 0700);
        check_.sync_seconds = options.sync_seconds;
        check_.allowed_seconds = 1 + 2 * account_.longest_pause();
    }

    Result<void> run() {
        if (auto copied = copy_image(options_.image, base_); !copied) return copied;
        for (std::size_t entry = 0; entry < log_.writes().size(); ++entry) {
            const LoggedWrite& write = log_.writes()[entry];
            if (!write.mark.empty()) continue;
            if (write.flush)
                if (auto flushed = flush(entry); !flushed) return flushed;
            if (write.bytes > 0) cached_.push_back(entry);
            const bool chosen = random_() % options_.sample == 0;
            const bool some = random_() % 2 == 0;
            if (options_.every || (chosen && !some))
                if (auto cut = cut_power(entry + 1, false); !cut) return cut;
            if (chosen && some)
                if (auto cut = cut_power(entry + 1, true); !cut) return cut;
        }
        return {};
    }

    /// Whether everything was right, and there was something to check.
    bool report() const {
        std::printf(
            "power_replay: %zu of %zu points right (seed %llu, part %u of %u); %zu writes, %zu flushes; %.1f MB "
            "compared, "
            "%llu gaps, %llu sealed segments; lost bytes were at most %.2f s old (%.2f s allowed)\n",
            points_ - wrong_, points_, static_cast<unsigned long long>(options_.seed), options_.part + 1,
            options_.parts, log_.writes().size(), flushes_, static_cast<double>(sum_.bytes) / 1e6,
            static_cast<unsigned long long>(sum_.gaps), static_cast<unsigned long long>(sum_.sealed),
            sum_.oldest_lost_seconds, check_.sync_seconds + check_.allowed_seconds);
        if (sum_.gaps > 0 && sum_.sealed > 0 && sum_.removed) return wrong_ == 0;
        std::puts("power_replay: the recording has no kill, no sealing or no retention, so it proves little");
        return false;
    }

private:
    /// The writes so far are durable now.
    Result<void> flush(std::size_t entry) {
        ++flushes_;
        const auto base = archive::open_file(base_, O_RDWR);
        if (!base) return base.error();
        for (const std::size_t write : cached_)
            if (auto applied = log_.apply(log_.writes()[write], *base); !applied) return applied;
        cached_.clear();
        return cut_power(entry, false);
    }

    /// `some`: of the writes that were not flushed, only some had reached the disk.
    Result<void> cut_power(std::size_t entry, bool some) {
        const std::uint64_t choice = random_();
        if (account_.before(entry).empty() || number_++ % options_.parts != options_.part) return {};
        if (auto copied = copy_image(base_, copy_); !copied) return copied;
        const auto copy = archive::open_file(copy_, O_RDWR);
        if (!copy) return copy.error();
        std::mt19937_64 coin(choice);
        for (const std::size_t write : cached_) {
            if (some && !log_.writes()[write].durable && coin() % 2 == 0) continue;
            if (auto applied = log_.apply(log_.writes()[write], *copy); !applied) return applied;
        }
        return check(entry, some);
    }

    Result<void> check(std::size_t entry, bool some) {
        const auto mounted = MountedImage::mount(copy_, mount_);
        if (!mounted) return mounted.error();
        const CheckResult result = check_archive(mount_ + "/archive", account_, entry, check_);
        ++points_;
        if (!result.faults.empty()) ++wrong_;
        for (const std::string& fault : result.faults)
            if (wrong_ <= 20)
                std::printf("power_replay: before entry %zu%s: %s\n", entry, some ? ", some writes lost" : "",
                            fault.c_str());
        sum_.bytes += result.bytes;
        sum_.gaps += result.gaps;
        sum_.sealed += result.sealed;
        sum_.removed = sum_.removed || result.removed;
        sum_.oldest_lost_seconds = std::max(sum_.oldest_lost_seconds, result.oldest_lost_seconds);
        return {};
    }

    const Options& options_;
    const WriteLog& log_;
    const Account account_;
    CheckOptions check_;
    std::mt19937_64 random_;
    const std::string base_;
    const std::string copy_;
    const std::string mount_;
    std::vector<std::size_t> cached_;  // by entry: not flushed
    std::size_t number_ = 0;
    std::size_t points_ = 0;
    std::size_t flushes_ = 0;
    std::size_t wrong_ = 0;
    CheckResult sum_;
};

std::optional<Options> parsed(int argc, char** argv) {
    if (argc < 4) return std::nullopt;
    Options options{argv[1], argv[2], argv[3]};
    for (int i = 4; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--every") {
            options.every = true;
            continue;
        }
        if (++i == argc) return std::nullopt;
        if (option == "--sample")
            options.sample = static_cast<unsigned>(std::atoi(argv[i]));
        else if (option == "--seed")
            options.seed = std::strtoull(argv[i], nullptr, 0);
        else if (option == "--sync")
            options.sync_seconds = std::atof(argv[i]);
        else if (option != "--part" || std::sscanf(argv[i], "%u/%u", &options.part, &options.parts) != 2)
            return std::nullopt;
    }
    if (options.sample == 0 || options.part >= options.parts) return std::nullopt;
    return options;
}

}  // namespace
}  // namespace vserd::power

int main(int argc, char** argv) {
    using namespace vserd::power;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto options = parsed(argc, argv);
    if (!options) {
        std::fputs(
            "usage: power_replay LOG IMAGE DIRECTORY [--every] [--sample N] [--part I/N] [--seed N] [--sync SECONDS]\n",
            stderr);
        return 2;
    }
    const auto log = WriteLog::open(options->log);
    if (!log) {
        std::printf("power_replay: %s\n", log.error().message.c_str());
        return 1;
    }
    Replay replay(*options, *log);
    const auto done = replay.run();
    if (!done) std::printf("power_replay: %s\n", done.error().message.c_str());
    return replay.report() && done ? 0 : 1;
}
