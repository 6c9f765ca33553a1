#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace vserd::access {
class AuditTrail;
}

namespace vserd::hub {

/// Gives ids to sessions, counts them by face, and knows the audit trail. One for each hub.
///
/// An id is four random characters, chosen when the process starts, and a number that grows: "k7fm-12". So ids are unique as long
/// as the process lives, and one that was noted before a restart does not name another session after it.
class SessionBook {
public:
    static constexpr std::array<std::string_view, 5> faces{"grpc", "web", "raw", "telnet", "rfc2217"};

    SessionBook();

    /// Null: no audit trail. Otherwise it outlives the writers and their requests.
    void set_trail(access::AuditTrail* trail) noexcept { trail_.store(trail, std::memory_order_release); }
    access::AuditTrail* trail() const noexcept { return trail_.load(std::memory_order_acquire); }  // any thread

    // Io thread.
    /// Returns the number of a new session, from 1.
    std::uint64_t enter(std::string_view face) noexcept;
    void leave(std::string_view face) noexcept;
    std::string id_of(std::uint64_t number) const;
    /// 0: not an id of this process.
    std::uint64_t number_of(std::string_view id) const noexcept;

    std::uint64_t count(std::size_t face) const noexcept {
        return counts_.at(face).load(std::memory_order_relaxed);
    }  // any thread

private:
    std::atomic<std::uint64_t>& count_of(std::string_view face) noexcept;

    std::atomic<access::AuditTrail*> trail_{nullptr};
    std::string prefix_;
    std::uint64_t last_ = 0;
    std::array<std::atomic<std::uint64_t>, faces.size() + 1> counts_{};  ///< the last: other faces
};

}  // namespace vserd::hub
