#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "hub/channel.hpp"

namespace vserd::hub {

void Writer::begin_session(SessionMode mode) {
    if (session_ != 0 || channel_ == nullptr || channel_->book_ == nullptr) return;
    mode_ = mode;
    book_ = channel_->book_;
    session_ = book_->enter(client_->via);
    since_ = std::chrono::system_clock::now();
    audit_begin();
}

/// The handle is about to be destroyed, or to become null.
void Writer::end_session() {
    audit_end();
    if (session_ == 0) return;
    book_->leave(client_->via);
    session_ = 0;
}

void Writer::count_written(std::uint64_t tx_offset, std::size_t bytes) noexcept {
    if (written_bytes_ == 0) written_.from = tx_offset - bytes;
    written_.to = tx_offset;
    written_bytes_ += bytes;
}

SessionInfo Writer::session_info() const {
    SessionInfo info{.id = book_->id_of(session_),
                     .client = client_,
                     .name = name_,
                     .port = channel_->name(),
                     .mode = mode_,
                     .since = since_,
                     .read_bytes = read_bytes_,
                     .written_bytes = written_bytes_,
                     .lag_bytes = 0};
    if (reader_ != nullptr) info.lag_bytes = channel_->log().next_offset() - reader_->offset();
    return info;
}

void Channel::for_each_session(const std::function<void(const Writer&)>& visit) const {
    for (const Writer& writer : writers_) {
        if (writer.session() != 0) visit(writer);
    }
}

bool Channel::has_session(std::uint64_t session) const {
    return std::ranges::any_of(writers_, [session](const Writer& writer) { return writer.session() == session; });
}

void Channel::end_session(std::uint64_t session, const Error& why) {
    const auto writer =
        std::ranges::find_if(writers_, [session](const Writer& one) { return one.session() == session; });
    if (writer != writers_.end()) end(*writer, why);
}

std::uint32_t Channel::notify(const std::string& text, const std::string& from) {
    record_event(port::Notice{base::printable_text(text), from});
    return readers_count_;
}

}  // namespace vserd::hub
