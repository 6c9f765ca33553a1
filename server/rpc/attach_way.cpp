#include <chrono>

#include "rpc/attach_stream.hpp"
#include "rpc/console_service.hpp"
#include "rpc/stream_host.hpp"

namespace vserd::rpc {

/// Bytes of this stream wait for room in the port's queue, and the request that would make room is behind them: a flush, or a
/// change of the flow control that holds the queue. So the port gets that request now, and again in its turn.
void AttachStream::make_way() {
    if (ending() || making_way_ || !pending_.is_linked() || !port()) return;
    const auto flow_control = port()->port().settings().format.flow_control;
    const auto request = inbox_.find([flow_control](const v1::AttachRequest& waiting) {
        if (waiting.flush() == v1::FLUSH_DIRECTION_OUTPUT || waiting.flush() == v1::FLUSH_DIRECTION_BOTH) return true;
        const auto change = settings_change(waiting.set_format());
        return change && change->flow_control && *change->flow_control != flow_control;
    });
    if (!request) return;
    making_way_ = true;
    operation_started();  // the reply finds the stream in place
    if (request->has_flush()) {
        const auto reply = [this](const Result<std::uint64_t>& discarded) { way_made(discarded.has_value()); };
        return port().flush(line::FlushDirection::output, reply);
    }
    const line::SettingsChange change{.flow_control = settings_change(request->set_format())->flow_control};
    way_deadline_ = std::chrono::steady_clock::now() + no_deadline;
    port().change_settings(change, *way_deadline_, [this](const Result<line::Settings>&) { way_made(false); });
}

/// `again`: repeat until the bytes in front of the request are accepted.
void AttachStream::way_made(bool again) {
    making_way_ = false;
    if (again) make_way();
    operation_ended();
}

}  // namespace vserd::rpc
