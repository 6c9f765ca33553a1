#pragma once

#include <utility>

#include "tcp/connection.hpp"

namespace vserd::tcp {

/// The port's bytes and nothing else. If the client would miss bytes, the connection ends.
class RawConnection final : public Connection {
public:
    using Connection::Connection;

private:
    void take_input(std::span<const std::byte>& input) override { send_to_port(std::exchange(input, {})); }
    void take_data(log::DataItem data) override { send(std::move(data)); }
    void take_gap(const log::GapItem& /*gap*/) override { fall_behind(); }
    void take_event(const log::EventItem& /*event*/) override {}
    void on_refused(const Error& /*error*/) override { close(); }
    void tell(std::string_view /*notice*/) override {}
    std::size_t data_bytes_max() const override { return write_bytes_max; }
    bool keeps_half_closed() const override { return true; }
};

}  // namespace vserd::tcp
