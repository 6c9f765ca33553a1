#include <gmock/gmock.h>

#include <thread>

#include "integration/rpc_client.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

using ::testing::HasSubstr;

class RpcAttach : public ::testing::Test {
protected:
    Daemon daemon{port_table("echo", "sim:echo?unpaced=1") + port_table("paced", "sim:echo") +
                  port_table("console", "sim:console") + port_table("gone", "/dev/vserd-no-such-device")};
    Client client{daemon.address()};
};

TEST_F(RpcAttach, TheFirstReplyIsOpenedAndBytesComeBack) {
    Console console(client, open_of("echo"));
    v1::AttachResponse response;

    ASSERT_TRUE(console.read(response));
    ASSERT_TRUE(response.has_opened());
    EXPECT_EQ(response.opened().port().name(), "echo");

    const std::string sent = pattern(300'000);
    std::thread sender([&] {
        for (std::size_t at = 0; at < sent.size(); at += 10'000) console.send(sent.substr(at, 10'000));
    });
    EXPECT_EQ(console.read_bytes(sent.size()), sent);
    sender.join();
}

TEST_F(RpcAttach, TheFirstMessageMustBeOpenAndOnlyTheFirst) {
    Call call;
    auto stream = client.console->Attach(&call);
    v1::AttachRequest request;
    request.set_data("x");
    stream->Write(request);
    EXPECT_TRUE(is_refused(stream->Finish(), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));

    Console console(client, open_of("echo"));
    v1::AttachRequest again;
    *again.mutable_open() = open_of("echo");
    console.send(again);
    EXPECT_TRUE(is_refused(console.finish(), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
}

TEST_F(RpcAttach, HalfClosingBeforeOpenIsInvalid) {
    Call call;
    auto stream = client.console->Attach(&call);
    stream->WritesDone();

    EXPECT_TRUE(is_refused(stream->Finish(), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
}

TEST_F(RpcAttach, ABadOpenNamesTheField) {
    const auto refused_field = [&](auto change) {
        v1::Open open = open_of("echo");
        change(open);
        Console console(client, open);
        const auto status = console.finish();
        EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
        return refusal_of(status).metadata["field"];
    };

    EXPECT_EQ(refused_field([](v1::Open& open) { open.clear_port(); }), "port");
    EXPECT_EQ(refused_field([](v1::Open& open) { open.set_mode(static_cast<v1::Mode>(9)); }), "mode");
    EXPECT_EQ(refused_field([](v1::Open& open) { open.set_encoding(static_cast<v1::Encoding>(9)); }), "encoding");
    EXPECT_EQ(refused_field([](v1::Open& open) { open.set_client(std::string(65, 'c')); }), "client");
    EXPECT_EQ(refused_field([](v1::Open& open) { open.set_client("a\033[2J"); }), "client");
    EXPECT_EQ(refused_field([](v1::Open& open) { open.mutable_from()->set_live(false); }), "from.live");
    EXPECT_EQ(refused_field([](v1::Open& open) { open.mutable_from()->set_oldest(false); }), "from.oldest");
}

TEST_F(RpcAttach, WritingOnAReadOnlyStreamIsFailedPrecondition) {
    v1::Open open = open_of("echo");
    open.set_mode(v1::MODE_READ_ONLY);
    Console console(client, open);
    console.send("x");

    EXPECT_TRUE(is_refused(console.finish(), grpc::StatusCode::FAILED_PRECONDITION, "UNSUPPORTED"));
}

TEST_F(RpcAttach, AnExclusiveHolderKeepsOthersFromWritingUntilItLeaves) {
    v1::Open exclusive = open_of("echo");
    exclusive.set_mode(v1::MODE_EXCLUSIVE);
    exclusive.set_client("the bootloader script");
    auto holder = std::make_unique<Console>(client, exclusive);
    v1::AttachResponse opened;
    ASSERT_TRUE(holder->read(opened));

    const auto write_status = write_all(client, "echo", "x");
    Console second(client, exclusive);
    const auto second_status = second.finish();

    EXPECT_TRUE(is_refused(write_status, grpc::StatusCode::FAILED_PRECONDITION, "PORT_HELD"));
    EXPECT_EQ(refusal_of(write_status).metadata["holder"], "the bootloader script");
    EXPECT_THAT(second_status.error_message(), HasSubstr("the bootloader script"));
    ASSERT_TRUE(holder->send("mine"));
    EXPECT_EQ(holder->read_bytes(4), "mine");

    holder.reset();
    EXPECT_TRUE(eventually([&] { return write_all(client, "echo", "x").ok(); }));
}

TEST_F(RpcAttach, HalfClosingKeepsTheReplies) {
    Console console(client, open_of("echo"));
    ASSERT_TRUE(console.send("before"));
    EXPECT_EQ(console.read_bytes(6), "before");

    console.half_close();
    ASSERT_TRUE(write_all(client, "echo", "after").ok());

    EXPECT_EQ(console.read_bytes(5), "after");
}

TEST_F(RpcAttach, SignalsAndBreakTakeTheirPlaceBetweenTheBytes) {
    Console console(client, open_of("paced"));
    ASSERT_TRUE(console.send("before"));
    v1::AttachRequest request;
    request.mutable_set_signals()->set_dtr(false);
    ASSERT_TRUE(console.send(request));
    request.mutable_break_()->mutable_duration()->set_nanos(20'000'000);
    ASSERT_TRUE(console.send(request));
    ASSERT_TRUE(console.send("after"));

    bool dtr_down = false;
    bool broke = false;
    std::string bytes;
    v1::AttachResponse response;
    while (bytes.size() < 11 && console.read(response)) {
        bytes += response.data().bytes();
        dtr_down |= response.event().has_signals() && !response.event().signals().dtr();
        broke |= response.event().has_break_();
    }
    EXPECT_EQ(bytes.substr(0, 6), "before");
    EXPECT_TRUE(dtr_down);
    EXPECT_TRUE(broke);
}

TEST_F(RpcAttach, ManySmallMessagesArriveInOrderBehindOneThatWaits) {
    Console console(client, open_of("console"));
    Console watcher(client, open_of("console"));
    v1::AttachResponse opened;
    ASSERT_TRUE(watcher.read(opened));
    ASSERT_TRUE(console.send("fault unplug 100ms\r"));
    EXPECT_TRUE(watcher.read_event([](const v1::Event& event) { return event.has_offline(); }));

    // More than is read ahead, while the device is away.
    std::string numbers;
    for (int i = 0; i < 60; ++i) numbers += std::to_string(i) + ",";
    ASSERT_TRUE(console.send("echo "));
    for (const char c : numbers) ASSERT_TRUE(console.send(std::string(1, c)));
    ASSERT_TRUE(console.send("\r"));
    console.half_close();

    std::string text;
    while (text.find("59,\r\n" + numbers) == std::string::npos) {
        const std::string more = watcher.read_bytes(1);
        ASSERT_FALSE(more.empty());
        text += more;
    }
}

TEST_F(RpcAttach, BytesBeforeAnInvalidRequestAreWritten) {
    Console watcher(client, open_of("echo"));
    Console console(client, open_of("echo"));
    ASSERT_TRUE(console.send("kept"));
    console.send(v1::AttachRequest{});

    EXPECT_EQ(watcher.read_bytes(4), "kept");
    EXPECT_TRUE(is_refused(console.finish(), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
}

TEST_F(RpcAttach, TextIsUtf8AndNoCharacterIsSplit) {
    v1::Open open = open_of("echo");
    open.set_encoding(v1::ENCODING_TEXT);
    Console console(client, open);
    v1::AttachResponse response;
    ASSERT_TRUE(console.read(response));

    // Each byte in a message of its own: "é" and a byte that is no UTF-8, then a letter that ends the waiting.
    for (const char* piece : {"\xC3", "\xA9", "\xFF", "\xE2\x82", "z"})
        ASSERT_TRUE(write_all(client, "echo", piece).ok());

    std::string text;
    std::uint64_t next = 0;
    while (text.find('z') == std::string::npos && console.read(response)) {
        if (!response.has_text()) continue;
        EXPECT_GE(response.text().offset(), next);
        next = response.text().offset();
        text += response.text().text();
    }
    EXPECT_EQ(text, "\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST_F(RpcAttach, TheStreamStaysWhileItsDeviceIsAway) {
    v1::Open open = open_of("console");
    open.mutable_from()->set_oldest(true);
    Console console(client, open);
    ASSERT_TRUE(console.send("fault unplug 100ms\r"));

    EXPECT_TRUE(console.read_event([](const v1::Event& event) { return event.has_offline(); }));
    ASSERT_TRUE(console.send("echo still here\r"));
    EXPECT_TRUE(console.read_event([](const v1::Event& event) { return event.has_online(); }));
    std::string text;
    while (text.find("still here") == std::string::npos) {
        const std::string more = console.read_bytes(1);
        ASSERT_FALSE(more.empty());
        text += more;
    }
}

TEST_F(RpcAttach, APortWhoseDeviceNeverCameCanBeAttachedAndSaysSo) {
    Console console(client, open_of("gone"));
    v1::AttachResponse response;

    ASSERT_TRUE(console.read(response));

    EXPECT_EQ(response.opened().port().state(), v1::STATE_OFFLINE);
}

TEST_F(RpcAttach, AMessageAboveTheLimitIsResourceExhausted) {
    Console just_fits(client, open_of("echo"));
    ASSERT_TRUE(just_fits.send(std::string(1 << 20, 'a')));
    EXPECT_EQ(just_fits.read_bytes(1 << 20).size(), std::size_t{1} << 20);

    for (const std::size_t size : {(1 << 20) + 1, 2 << 20}) {
        Console console(client, open_of("echo"));
        console.send(std::string(size, 'a'));
        EXPECT_EQ(console.finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << size;
    }
}

}  // namespace
}  // namespace vserd::rpc_test
