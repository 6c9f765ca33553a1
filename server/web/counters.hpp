#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vserd::web {

/// Counts the answers by method and HTTP status. The methods are those of the constructor, and "other" for the rest, so their
/// number is bounded. Lock-free; any thread.
class RequestCounters {
public:
    struct Entry {
        std::string method;
        unsigned status = 0;
        std::uint64_t count = 0;
    };

    explicit RequestCounters(const std::vector<std::string>& methods);

    void count(std::string_view method, unsigned status) noexcept;
    /// The counts that are not zero.
    std::vector<Entry> snapshot() const;

private:
    static constexpr std::array<unsigned, 22> statuses{101, 200, 304, 400, 401, 403, 404, 405, 408, 409, 413,
                                                       415, 421, 426, 429, 431, 499, 500, 501, 503, 504, 0};
    using Counts = std::array<std::atomic<std::uint64_t>, statuses.size()>;

    std::map<std::string, Counts, std::less<>> counts_;
};

}  // namespace vserd::web
