// What one client may do while another holds the port, and what each is told of the other.
#include "integration/rpc_client.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

class RpcExclusive : public ::testing::Test {
protected:
    /// A unary call on "slow".
    template <class Request, class Response>
    grpc::Status call(grpc::Status (v1::PortService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      Request request, Response& response) {
        Call context;
        request.set_port("slow");
        return (client.ports.get()->*method)(&context, request, &response);
    }
    template <class Request, class Response>
    grpc::Status call(grpc::Status (v1::PortService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      Request request) {
        Response response;
        return call(method, std::move(request), response);
    }
    grpc::Status set_baud(std::uint32_t baud) {
        v1::SetBaudRequest request;
        request.set_baud(baud);
        return call(&v1::PortService::Stub::SetBaud, request);
    }
    grpc::Status set_data_bits(std::uint32_t bits) {
        v1::SetFormatRequest request;
        request.mutable_format()->set_data_bits(bits);
        return call(&v1::PortService::Stub::SetFormat, request);
    }
    grpc::Status set_dtr(bool on) {
        v1::SetSignalsRequest request;
        request.set_dtr(on);
        return call(&v1::PortService::Stub::SetSignals, request);
    }
    grpc::Status send_break() {
        v1::SendBreakRequest request;
        request.mutable_duration()->set_nanos(10'000'000);
        return call(&v1::PortService::Stub::SendBreak, request);
    }
    grpc::Status flush(v1::FlushDirection direction, v1::FlushResponse& response) {
        v1::FlushRequest request;
        request.set_direction(direction);
        return call(&v1::PortService::Stub::Flush, request, response);
    }

    Daemon daemon{port_table("echo", "sim:echo?unpaced=1") + port_table("slow", "sim:echo")};
    Client client{daemon.address()};
};

/// Holds a port for a client of that name.
struct Exclusive {
    explicit Exclusive(Client& client, const std::string& port = "echo") : console(client, open(port)) {
        v1::AttachResponse opened;
        EXPECT_TRUE(console.read(opened) && opened.has_opened());
    }
    static v1::Open open(const std::string& port) {
        v1::Open open = open_of(port);
        open.set_mode(v1::MODE_EXCLUSIVE);
        open.set_client("the flasher");
        return open;
    }
    Console console;
};

TEST_F(RpcExclusive, NobodyElseChangesTheLineWhileAClientHoldsThePort) {
    auto holder = std::make_unique<Exclusive>(client, "slow");
    const auto is_held = [](const grpc::Status& status) {
        return is_refused(status, grpc::StatusCode::FAILED_PRECONDITION, "PORT_HELD") &&
               refusal_of(status).metadata["holder"] == "the flasher";
    };
    v1::FlushResponse flushed;

    EXPECT_TRUE(is_held(set_baud(9600)));
    EXPECT_TRUE(is_held(set_data_bits(7)));
    EXPECT_TRUE(is_held(set_dtr(false)));
    EXPECT_TRUE(is_held(send_break()));
    EXPECT_TRUE(is_held(flush(v1::FLUSH_DIRECTION_INPUT, flushed)));

    holder.reset();
    EXPECT_TRUE(eventually([&] { return set_baud(9600).ok(); }));
    EXPECT_TRUE(set_data_bits(7).ok());
    EXPECT_TRUE(set_dtr(false).ok());
    EXPECT_TRUE(send_break().ok());
    EXPECT_TRUE(flush(v1::FLUSH_DIRECTION_INPUT, flushed).ok());
}

TEST_F(RpcExclusive, AFlushThatDiscardsBytesIsAnEventWithTheirCount) {
    ASSERT_TRUE(eventually([&] { return set_baud(300).ok(); }));
    Console console(client, open_of("slow"));
    v1::AttachResponse opened;
    ASSERT_TRUE(console.read(opened));
    ASSERT_TRUE(write_all(client, "slow", std::string(50'000, 'x')).ok());
    v1::FlushResponse response;

    ASSERT_TRUE(flush(v1::FLUSH_DIRECTION_OUTPUT, response).ok());

    v1::Flushed flushed;
    EXPECT_TRUE(console.read_event([&](const v1::Event& event) {
        flushed = event.flushed();
        return event.has_flushed();
    }));
    EXPECT_GT(flushed.bytes(), 10'000U);
    EXPECT_EQ(flushed.bytes(), response.output_bytes_discarded());
    EXPECT_EQ(flushed.direction(), v1::FLUSH_DIRECTION_OUTPUT);
    EXPECT_NE(flushed.client(), "");
}

TEST_F(RpcExclusive, AWatchersBytesAreRefusedWithoutEndingItsStream) {
    Console watcher(client, open_of("echo"));
    v1::AttachResponse opened;
    ASSERT_TRUE(watcher.read(opened));
    auto holder = std::make_unique<Exclusive>(client);
    const auto held = [](const v1::Event& event) { return event.writer().client() == "the flasher"; };
    ASSERT_TRUE(watcher.read_event(held));

    ASSERT_TRUE(watcher.send("not now"));
    v1::AttachRequest request;
    request.mutable_break_();
    ASSERT_TRUE(watcher.send(request));

    std::uint64_t refused_bytes = 0;
    EXPECT_TRUE(watcher.read_event([&](const v1::Event& event) {
        refused_bytes = event.writer().refused_bytes();
        return held(event);
    }));
    EXPECT_EQ(refused_bytes, 7U);
    EXPECT_TRUE(watcher.read_event([](const v1::Event& event) { return event.writer().refused_request() == "break"; }));
    ASSERT_TRUE(holder->console.send("mine"));
    EXPECT_EQ(watcher.read_bytes(4), "mine") << "it still sees what the device sends";

    holder.reset();
    EXPECT_TRUE(watcher.read_event(
        [](const v1::Event& event) { return event.has_writer() && event.writer().client().empty(); }));
    ASSERT_TRUE(watcher.send("now"));
    EXPECT_EQ(watcher.read_bytes(3), "now");
}

TEST_F(RpcExclusive, WhoAttachesToAHeldPortLearnsWhoHoldsIt) {
    const Exclusive holder(client);

    Console late(client, open_of("echo"));

    EXPECT_TRUE(late.read_event([](const v1::Event& event) { return event.writer().client() == "the flasher"; }));
}

TEST_F(RpcExclusive, TheHolderChangesTheLineThroughItsStream) {
    Exclusive holder(client);
    v1::AttachRequest request;
    request.set_set_baud(9600);
    ASSERT_TRUE(holder.console.send(request));
    request.mutable_set_format()->set_parity(v1::PARITY_EVEN);
    ASSERT_TRUE(holder.console.send(request));
    request.mutable_set_signals()->set_dtr(false);
    ASSERT_TRUE(holder.console.send(request));
    request.mutable_break_()->mutable_duration()->set_nanos(20'000'000);
    ASSERT_TRUE(holder.console.send(request));
    request.set_flush(v1::FLUSH_DIRECTION_BOTH);
    ASSERT_TRUE(holder.console.send(request));
    ASSERT_TRUE(holder.console.send("done"));

    v1::SettingsChanged settings;
    bool dtr_off = false;
    bool broke = false;
    std::string bytes;
    v1::AttachResponse response;
    while (bytes.size() < 4 && holder.console.read(response)) {
        bytes += response.data().bytes();
        if (response.event().has_settings()) settings = response.event().settings();
        dtr_off |= response.event().has_signals() && !response.event().signals().dtr();
        broke |= response.event().has_break_();
    }
    EXPECT_EQ(bytes, "done");
    EXPECT_EQ(settings.baud(), 9600U);
    EXPECT_EQ(settings.format().parity(), v1::PARITY_EVEN);
    EXPECT_TRUE(dtr_off);
    EXPECT_TRUE(broke);
}

TEST_F(RpcExclusive, AFlushOfTheHolderGetsPastItsOwnBytesThatWait) {
    ASSERT_TRUE(eventually([&] { return set_baud(300).ok(); }));
    Exclusive holder(client, "slow");
    ASSERT_TRUE(
        holder.console.send(std::string(1'000'000, 'x')));  // hours at that speed, and more than the queue takes
    v1::AttachRequest request;
    request.set_flush(v1::FLUSH_DIRECTION_OUTPUT);
    ASSERT_TRUE(holder.console.send(request));
    request.set_set_baud(9600);
    ASSERT_TRUE(holder.console.send(request));

    std::uint64_t discarded = 0;
    EXPECT_TRUE(holder.console.read_event([&](const v1::Event& event) {
        discarded += event.flushed().bytes();
        return event.settings().baud() == 9600;
    }));
    EXPECT_GT(discarded, 900'000U);
}

TEST_F(RpcExclusive, ABadLineRequestNamesItsField) {
    const auto refused_field = [&](auto change) {
        Console console(client, open_of("echo"));
        v1::AttachRequest request;
        change(request);
        console.send(request);
        return refusal_of(console.finish()).metadata["field"];
    };

    EXPECT_EQ(refused_field([](v1::AttachRequest& request) { request.set_set_baud(0); }), "baud");
    EXPECT_EQ(refused_field([](v1::AttachRequest& request) { request.mutable_set_format()->set_data_bits(9); }),
              "format.data_bits");
    EXPECT_EQ(refused_field([](v1::AttachRequest& request) { request.set_flush(v1::FLUSH_DIRECTION_UNSPECIFIED); }),
              "direction");
}

}  // namespace
}  // namespace vserd::rpc_test
