#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "integration/rpc_client.hpp"
#include "support/vserd_process.hpp"

namespace vserd::rpc_test {
namespace {

using std::chrono::milliseconds;

v1::ReadRequest read_of(const std::string& port) {
    v1::ReadRequest request;
    request.set_port(port);
    return request;
}

class RpcRead : public ::testing::Test {
protected:
    /// What Read gives until it ends by itself.
    std::vector<v1::ReadResponse> read(const v1::ReadRequest& request, grpc::Status* status = nullptr) {
        Call call;
        const auto stream = client.console->Read(&call, request);
        std::vector<v1::ReadResponse> responses;
        v1::ReadResponse response;
        while (stream->Read(&response)) responses.push_back(response);
        const auto ended = stream->Finish();
        if (status != nullptr) {
            *status = ended;
        } else {
            EXPECT_TRUE(ended.ok()) << ended.error_message();
        }
        return responses;
    }
    static std::string bytes_of(const std::vector<v1::ReadResponse>& responses) {
        std::string bytes;
        for (const auto& response : responses) bytes += response.data().bytes();
        return bytes;
    }
    std::uint64_t head(const std::string& port) {
        Call call;
        v1::GetPortRequest request;
        v1::GetPortResponse response;
        request.set_port(port);
        EXPECT_TRUE(client.ports->GetPort(&call, request, &response).ok());
        return response.port().next_offset();
    }
    void send(const std::string& port, const std::string& bytes) {
        const std::uint64_t before = head(port);
        ASSERT_TRUE(write_all(client, port, bytes).ok());
        ASSERT_TRUE(eventually([&] { return head(port) == before + bytes.size(); }));
    }
    grpc::Status write(const v1::WriteRequest& request, v1::WriteResponse& response,
                       milliseconds limit = std::chrono::seconds(30)) {
        Call call(limit);
        return client.console->Write(&call, request, &response);
    }

    Daemon daemon{port_table("echo", "sim:echo?unpaced=1") + port_table("other", "sim:echo?unpaced=1") +
                      port_table("slow", "sim:echo", "baud = 300") + port_table("gone", "/dev/vserd-no-such-device"),
                  "\n[history]\nbytes_per_port = \"256KiB\""};
    Client client{daemon.address()};
};

TEST_F(RpcRead, EndsAtTheHeadUnlessItFollows) {
    send("echo", "0123456789");
    auto request = read_of("echo");
    request.mutable_from()->set_oldest(true);

    EXPECT_EQ(bytes_of(read(request)), "0123456789");

    request.mutable_from()->set_offset(4);
    EXPECT_EQ(bytes_of(read(request)), "456789");
    request.set_max_bytes(3);
    EXPECT_EQ(bytes_of(read(request)), "456");
    request.mutable_from()->set_tail_bytes(2);
    EXPECT_EQ(bytes_of(read(request)), "89");
    request.clear_from();
    EXPECT_TRUE(read(request).empty());
}

TEST_F(RpcRead, DataCarriesItsOffsetAndTheTimeOfItsLastByte) {
    const auto before = std::chrono::system_clock::now();
    send("echo", "abc");
    auto request = read_of("echo");
    request.mutable_from()->set_offset(1);

    const auto responses = read(request);

    ASSERT_EQ(responses.size(), 1U);
    EXPECT_EQ(responses[0].data().offset(), 1U);
    EXPECT_EQ(responses[0].data().bytes(), "bc");
    const auto& time = responses[0].data().receive_time();
    const auto received = std::chrono::system_clock::time_point{std::chrono::seconds{time.seconds()} +
                                                                std::chrono::nanoseconds{time.nanos()}};
    EXPECT_GE(received, before);
    EXPECT_LE(received, std::chrono::system_clock::now());
}

TEST_F(RpcRead, AnOffsetNoLongerHeldGivesAGapAndThenTheOldestBytes) {
    const std::string sent = pattern(600'000);
    send("echo", sent);
    auto request = read_of("echo");
    request.mutable_from()->set_offset(5);

    const auto responses = read(request);

    const auto gap = std::find_if(responses.begin(), responses.end(), [](const auto& r) { return r.has_gap(); });
    ASSERT_NE(gap, responses.end());
    EXPECT_EQ(gap->gap().from(), 5U);
    EXPECT_GE(gap->gap().to(), sent.size() - 256 * 1024 - 128 * 1024);
    EXPECT_LE(gap->gap().to(), sent.size() - 256 * 1024);
    EXPECT_EQ(bytes_of(responses), sent.substr(gap->gap().to()));
}

TEST_F(RpcRead, AnOffsetNotYetReachedIsOutOfRangeWithTheHead) {
    send("echo", "abc");
    auto request = read_of("echo");
    request.mutable_from()->set_offset(4);
    grpc::Status status;

    read(request, &status);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::OUT_OF_RANGE, "OFFSET_NOT_REACHED"));
    EXPECT_EQ(refusal_of(status).metadata["head"], "3");
    request.mutable_from()->set_offset(3);
    EXPECT_TRUE(read(request).empty());
}

TEST_F(RpcRead, SinceStartsAtTheFirstByteReceivedAfterIt) {
    send("echo", "old");
    const auto sent = std::chrono::system_clock::now();
    ASSERT_TRUE(
        eventually([&] { return std::chrono::system_clock::now() > sent + milliseconds(10); }));  // the marks differ
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    send("echo", "new");
    auto request = read_of("echo");
    auto& since = *request.mutable_from()->mutable_since();
    since.set_seconds(std::chrono::floor<std::chrono::seconds>(now).count());
    since.set_nanos(
        static_cast<int>((now - std::chrono::floor<std::chrono::seconds>(now)) / std::chrono::nanoseconds(1)));

    EXPECT_EQ(bytes_of(read(request)), "new");

    since.set_seconds(std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(bytes_of(read(request)), "oldnew");
    since.set_seconds(std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(bytes_of(read(request)), "");
    since.set_nanos(-1);
    grpc::Status status;
    read(request, &status);
    EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
}

TEST_F(RpcRead, AnAgeIsCountedByTheServer) {
    send("echo", "old");
    auto request = read_of("echo");
    auto& age = *request.mutable_from()->mutable_age();

    EXPECT_EQ(bytes_of(read(request)), "");
    age.set_seconds(3600);
    EXPECT_EQ(bytes_of(read(request)), "old");
    age.set_seconds(std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(bytes_of(read(request)), "old");
    for (const bool in_nanos : {false, true}) {
        age.set_seconds(in_nanos ? 0 : -1);
        age.set_nanos(in_nanos ? -1 : 0);
        grpc::Status status;
        read(request, &status);
        EXPECT_TRUE(is_refused(status, grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
    }
}

TEST_F(RpcRead, EventsAreNumberedFromOne) {
    Call call;
    v1::SetBaudRequest request;
    v1::SetBaudResponse response;
    request.set_port("echo");
    request.set_baud(9600);
    ASSERT_TRUE(client.ports->SetBaud(&call, request, &response).ok());
    auto log = read_of("echo");
    log.mutable_from()->set_oldest(true);

    std::vector<std::uint64_t> numbers;
    for (const auto& item : read(log)) numbers.push_back(item.event().number());

    EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2}));  // online, settings
}

TEST_F(RpcRead, TextThatEndsInsideACharacterEndsWithReplacements) {
    send("echo", "a\xE2\x82");
    auto request = read_of("echo");
    request.mutable_from()->set_offset(0);
    request.set_encoding(v1::ENCODING_TEXT);
    std::string text;

    for (const auto& response : read(request)) text += response.text().text();

    EXPECT_EQ(text, "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_F(RpcRead, SixtyFourMebibytesThroughEchoArriveIntact) {
    constexpr std::size_t size = std::size_t{64} << 20;
    constexpr std::size_t piece = 64 * 1024;
    Console console(client, open_of("echo"));
    std::atomic<std::size_t> at = 0;
    std::atomic<bool> sent_all = true;
    std::thread sender([&] {
        for (std::size_t sent = 0; sent < size && sent_all; sent += piece) {
            // No further ahead than the history holds, or the reader is overtaken, and told so.
            sent_all = eventually([&] { return at + 2 * piece > sent; }) && console.send(pattern(piece, sent));
        }
    });
    bool same = true;
    v1::AttachResponse response;
    while (same && at < size && console.read(response)) {
        EXPECT_FALSE(response.has_gap()) << response.gap().from() << " to " << response.gap().to();
        if (!response.has_data()) continue;
        const std::string& bytes = response.data().bytes();
        same = response.data().offset() == at && bytes == pattern(bytes.size(), at);
        at += bytes.size();
    }
    if (!same) sent_all = false;
    sender.join();

    EXPECT_TRUE(sent_all);
    EXPECT_TRUE(same);
    EXPECT_EQ(at, size);
}

TEST_F(RpcRead, AStoppedReaderStallsNobodyAndGetsAGapWhenItGoesOn) {
    auto request = read_of("echo");
    request.set_follow(true);
    request.mutable_from()->set_oldest(true);
    Client stopped_client(daemon.address());
    Call stopped_call;
    const auto stopped = stopped_client.console->Read(&stopped_call, request);
    v1::ReadResponse response;
    ASSERT_TRUE(stopped->Read(&response));  // its first event; and then it stops
    const std::size_t memory_before = daemon.resident_bytes();

    std::vector<std::thread> readers;
    std::atomic<int> intact = 0;
    constexpr std::size_t size = std::size_t{16} << 20;
    constexpr std::size_t pace = 64 * 1024;
    std::array<std::atomic<std::size_t>, 7> progress{};
    for (auto& at : progress) {
        readers.emplace_back([&] {
            Client own(daemon.address());
            Call call;
            const auto stream = own.console->Read(&call, request);
            v1::ReadResponse got;
            bool same = true;
            while (at < size && stream->Read(&got)) {
                same = same && !got.has_gap();
                if (!got.has_data()) continue;
                same = same && got.data().bytes() == pattern(got.data().bytes().size(), at);
                at += got.data().bytes().size();
            }
            if (same && at == size) ++intact;
        });
    }
    // Held to the slowest of the seven, so that only the stopped one can be overtaken.
    for (std::size_t sent = 0; sent < size; sent += pace) {
        ASSERT_TRUE(write_all(client, "echo", pattern(pace, sent)).ok());
        ASSERT_TRUE(eventually([&] {
            return std::all_of(progress.begin(), progress.end(),
                               [&](const auto& at) { return at + 128 * 1024 > sent; });
        }));
    }
    for (auto& reader : readers) reader.join();

    EXPECT_EQ(intact, 7);
    if (memory_tells()) {
        EXPECT_LT(daemon.resident_bytes(), memory_before + (std::size_t{12} << 20));
    }
    std::uint64_t at = 0;
    bool gap_seen = false;
    while (at < size && stopped->Read(&response)) {
        if (response.has_gap()) {
            gap_seen = true;
            EXPECT_EQ(response.gap().from(), at);
            at = response.gap().to();
        }
        if (!response.has_data()) continue;
        EXPECT_EQ(response.data().offset(), at);
        EXPECT_EQ(response.data().bytes(), pattern(response.data().bytes().size(), at));
        at += response.data().bytes().size();
    }
    EXPECT_TRUE(gap_seen);
    EXPECT_EQ(at, size);
}

TEST_F(RpcRead, AClientKilledInMidStreamReadsOnFromItsOffset) {
    const std::string sent = pattern(200'000);
    auto request = read_of("echo");
    request.set_follow(true);
    std::string got;
    std::thread sender([&] { write_all(client, "echo", sent); });
    for (int life = 0; got.size() < sent.size(); ++life) {
        Client mortal(daemon.address());
        Call call;
        request.mutable_from()->set_offset(got.size());
        const auto stream = mortal.console->Read(&call, request);
        v1::ReadResponse response;
        const std::size_t dies_at = std::min(sent.size(), got.size() + 30'000);
        while (got.size() < dies_at && stream->Read(&response)) {
            EXPECT_FALSE(response.has_gap());
            got += response.data().bytes();
        }
        call.TryCancel();
        stream->Finish();
    }
    sender.join();

    EXPECT_EQ(got, sent);
}

TEST_F(RpcRead, CollectBringsManyPortsInOneStream) {
    send("echo", "first");
    Call call;
    v1::CollectRequest request;
    request.set_all(true);
    request.mutable_from()->set_oldest(true);
    const auto stream = client.console->Collect(&call, request);
    send("other", "second");
    const std::string more = pattern(100'000);
    send("other", more);

    std::map<std::string, std::string> bytes;
    bool offline_told = false;
    v1::CollectResponse response;
    while ((bytes["echo"].size() < 5 || bytes["other"].size() < 6 + more.size() || !offline_told) &&
           stream->Read(&response)) {
        for (const v1::Record& record : response.records()) {
            if (record.item_case() == v1::Record::kData) {
                EXPECT_EQ(record.offset(), bytes[record.port()].size());
                bytes[record.port()] += record.data();
                EXPECT_GT(record.receive_time().seconds(), 0);
            }
            offline_told |= record.port() == "gone" && record.event().has_offline();
        }
    }

    EXPECT_EQ(bytes["echo"], "first");
    EXPECT_EQ(bytes["other"], "second" + more);
    EXPECT_TRUE(offline_told);
}

TEST_F(RpcRead, CollectWantsEitherSourcesOrAll) {
    const auto refused = [&](const v1::CollectRequest& request) {
        Call call;
        const auto stream = client.console->Collect(&call, request);
        v1::CollectResponse response;
        while (stream->Read(&response)) continue;
        return stream->Finish();
    };
    v1::CollectRequest request;
    EXPECT_TRUE(is_refused(refused(request), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
    request.add_sources()->set_port("echo");
    request.add_sources()->set_port("echo");
    EXPECT_TRUE(is_refused(refused(request), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
    request.mutable_sources(1)->set_port("nobody");
    EXPECT_TRUE(is_refused(refused(request), grpc::StatusCode::NOT_FOUND, "PORT_NOT_FOUND"));
    request.mutable_sources(1)->set_port("other");
    request.mutable_sources(1)->mutable_from()->set_offset(77);
    const auto status = refused(request);
    EXPECT_TRUE(is_refused(status, grpc::StatusCode::OUT_OF_RANGE, "OFFSET_NOT_REACHED"));
    EXPECT_EQ(refusal_of(status).metadata["port"], "other");
    request.set_all(true);
    EXPECT_TRUE(is_refused(refused(request), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
}

TEST_F(RpcRead, WriteReturnsWhenTheQueueHasTakenAllOfIt) {
    v1::WriteRequest request;
    v1::WriteResponse response;
    request.set_port("echo");
    request.set_text("hello");
    ASSERT_TRUE(write(request, response).ok());
    EXPECT_EQ(response.bytes_written(), 5U);
    EXPECT_EQ(response.tx_offset(), 5U);

    request.set_data(std::string(1 << 20, 'x'));
    ASSERT_TRUE(write(request, response).ok());
    EXPECT_EQ(response.bytes_written(), std::uint64_t{1} << 20);
    EXPECT_EQ(response.tx_offset(), (std::uint64_t{1} << 20) + 5);
}

TEST_F(RpcRead, WriteWantsSomethingToSendThatFits) {
    v1::WriteRequest request;
    v1::WriteResponse response;
    request.set_port("echo");
    EXPECT_TRUE(is_refused(write(request, response), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
    request.set_data("");
    EXPECT_TRUE(is_refused(write(request, response), grpc::StatusCode::INVALID_ARGUMENT, "INVALID_FIELD"));
    request.set_data(std::string((1 << 20) + 1, 'x'));
    EXPECT_TRUE(is_refused(write(request, response), grpc::StatusCode::RESOURCE_EXHAUSTED, "LIMIT_REACHED"));
    request.set_data(std::string(2 << 20, 'x'));
    EXPECT_EQ(write(request, response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(RpcRead, WriteWhileTheDeviceIsAwayIsUnavailable) {
    v1::WriteRequest request;
    v1::WriteResponse response;
    request.set_port("gone");
    request.set_data("x");

    EXPECT_TRUE(is_refused(write(request, response), grpc::StatusCode::UNAVAILABLE, "DEVICE_AWAY"));
}

TEST_F(RpcRead, AWriteThatDoesNotFitInTimeSaysHowManyBytesWereTaken) {
    v1::WriteRequest request;
    v1::WriteResponse response;
    request.set_port("slow");
    request.set_data(std::string(400'000, 'x'));

    const auto status = write(request, response, milliseconds(2'000));

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE"));
    const auto taken = std::stoull("0" + refusal_of(status).metadata["bytes_taken"]);
    EXPECT_GE(taken, 256U * 1024U);
    EXPECT_LT(taken, 400'000U);
}

TEST_F(RpcRead, SetBaudBehindBytesThatDoNotLeaveInTimeChangesNothing) {
    ASSERT_TRUE(write_all(client, "slow", std::string(10'000, 'x')).ok());
    Call call(milliseconds(2'000));
    v1::SetBaudRequest request;
    v1::SetBaudResponse response;
    request.set_port("slow");
    request.set_baud(115200);

    const auto status = client.ports->SetBaud(&call, request, &response);

    EXPECT_TRUE(is_refused(status, grpc::StatusCode::DEADLINE_EXCEEDED, "DEADLINE"));
    Call get;
    v1::GetBaudRequest ask;
    v1::GetBaudResponse told;
    ask.set_port("slow");
    ASSERT_TRUE(client.ports->GetBaud(&get, ask, &told).ok());
    EXPECT_EQ(told.baud(), 300U);
}

}  // namespace
}  // namespace vserd::rpc_test
