#pragma once

#include "tcp/connection.hpp"
#include "tcp/telnet_codec.hpp"

namespace vserd::tcp {

/// A person at a telnet client. Reports what happens to the port in bracketed lines.
class TelnetConnection : public Connection {
public:
    TelnetConnection(ConnectionEnvironment environment, std::unique_ptr<Stream> stream, hub::Session session,
                     Ended ended, bool com_port = false)
        : Connection(std::move(environment), std::move(stream), std::move(session), std::move(ended)),
          codec_(com_port) {}

protected:
    void begin() override;
    void take_input(std::span<const std::byte>& input) override;
    void take_gap(const log::GapItem& gap) override;
    void take_event(const log::EventItem& event) override;
    void on_refused(const Error& error) override;
    void tell(std::string_view notice) override;

    virtual void take_subnegotiation(const TelnetSubnegotiation& /*subnegotiation*/) {}
    void send_break(std::chrono::milliseconds duration);
    const TelnetCodec& codec() const noexcept { return codec_; }

private:
    void take_data(log::DataItem data) override;
    std::size_t data_bytes_max() const override { return encoded_bytes_max; }
    void take(const TelnetInput& piece);
    void answer_are_you_there();

    TelnetCodec codec_;
    bool told_refusal_ = false;  ///< since the port was last free
};

}  // namespace vserd::tcp
