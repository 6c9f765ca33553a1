// FleetService on a roster that the test fills, through real gRPC.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <unistd.h>

#include <future>

#include "access/authority.hpp"
#include "contract/port_fixture.hpp"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "rpc/server.hpp"
#include "vser/v1/fleet_service.grpc.pb.h"

namespace vserd {
namespace {

namespace v1 = ::vser::v1;
using access::Role;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

google::rpc::ErrorInfo info_of(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    if (details.ParseFromString(status.error_details()) && details.details_size() == 1)
        details.details(0).UnpackTo(&info);
    return info;
}

class FleetRpc : public HubTest {
protected:
    void SetUp() override {
        HubTest::SetUp();
        serve(&roster_);
    }

    ~FleetRpc() override { stop(); }

    void stop() {
        if (!server_) return;
        bool down = false;
        server_->stop(std::chrono::milliseconds{100}, [&] { down = true; });
        EXPECT_TRUE(until([&] { return down; }));
        server_.reset();
    }

    void serve(roster::Roster* roster) {
        stop();
        const std::string address = "unix:" + (directory_ / "socket").string();
        rpc::ServerOptions options;
        options.listen = {address};
        options.roster = roster;
        server_ = rpc::Server::start(*hub_, std::move(options)).value();
        fleet_ = v1::FleetService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    }

    /// Grants this process a role on these ports, and nothing on others.
    void grant(Role role, std::vector<std::string> ports) {
        const std::vector<access::Rule> rules{
            {.who = {"uid:" + std::to_string(::geteuid())}, .ports = std::move(ports), .role = role}};
        hub_->set_authority(
            std::make_shared<const access::Authority>(access::Authority{.policy = access::Policy(rules)}));
    }

    /// Grants everything to somebody else.
    void grant_others() {
        const std::vector<access::Rule> rules{{.who = {"uid:4294967294"}, .ports = {"*"}, .role = Role::admin}};
        hub_->set_authority(
            std::make_shared<const access::Authority>(access::Authority{.policy = access::Policy(rules)}));
    }

    void add(const std::string& port, const std::string& bridge) {
        roster_.put(roster::Port{.name = port,
                                 .bridge = bridge,
                                 .address = bridge + ".example:50051",
                                 .tls = true,
                                 .online = true,
                                 .description = "a board",
                                 .log_id = "log-" + port,
                                 .labels = {{"rack", "3"}},
                                 .claim = 7});
    }
    void add_bridge(const std::string& id) {
        roster::Bridge bridge;
        bridge.id = id;
        bridge.address = id + ".example:50051";
        roster_.put(std::move(bridge));
    }
    void set_status(bool stale, std::vector<roster::Conflict> conflicts = {}, std::string problem = {}) {
        roster_.set_status({.bridge = "lab1",
                            .stale = stale,
                            .since = {},
                            .problem = std::move(problem),
                            .revision = 9,
                            .conflicts = std::move(conflicts)});
    }

    template <class Request, class Response>
    grpc::Status call(grpc::Status (v1::FleetService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request, Response& response) {
        auto done = std::async(std::launch::async, [&] {
            grpc::ClientContext context;
            context.set_wait_for_ready(true);
            return (*fleet_.*method)(&context, request, &response);
        });
        return outcome(done);
    }

    template <class T>
    T outcome(std::future<T>& done) {
        EXPECT_TRUE(until([&] { return done.wait_for(std::chrono::seconds{0}) == std::future_status::ready; }));
        return done.get();
    }

    v1::ListFleetPortsResponse page(std::uint32_t size, const std::string& token = {}) {
        v1::ListFleetPortsRequest request;
        v1::ListFleetPortsResponse response;
        request.set_page_size(size);
        request.set_page_token(token);
        const grpc::Status status = call(&v1::FleetService::Stub::ListFleetPorts, request, response);
        EXPECT_TRUE(status.ok()) << status.error_message();
        return response;
    }

    /// All pages.
    std::vector<std::string> names(std::uint32_t size, int* pages = nullptr) {
        std::vector<std::string> found;
        std::string token;
        do {
            const auto one = page(size, token);
            for (const auto& port : one.ports()) found.push_back(port.name());
            token = one.next_page_token();
            if (pages != nullptr) ++*pages;
        } while (!token.empty());
        return found;
    }

    grpc::Status resolve(const std::string& port, v1::ResolveResponse& response) {
        v1::ResolveRequest request;
        request.set_port(port);
        return call(&v1::FleetService::Stub::Resolve, request, response);
    }

    roster::Roster roster_;
    std::unique_ptr<rpc::Server> server_;
    std::unique_ptr<v1::FleetService::Stub> fleet_;
};

/// One WatchFleet call; each message as a word, such as "+b1@lab7" or "-b1".
class Watching {
public:
    explicit Watching(v1::FleetService::Stub& fleet) {
        context_.set_wait_for_ready(true);
        stream_ = fleet.WatchFleet(&context_, {});
    }
    ~Watching() { context_.TryCancel(); }
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

    std::string next() {
        v1::WatchFleetResponse response;
        if (!stream_->Read(&response)) return "end: " + stream_->Finish().error_message();
        switch (response.change_case()) {
            case v1::WatchFleetResponse::kBridge: return "bridge " + response.bridge().id();
            case v1::WatchFleetResponse::kPort: return "+" + response.port().name() + "@" + response.port().bridge();
            case v1::WatchFleetResponse::kBridgeRemoved: return "no bridge " + response.bridge_removed();
            case v1::WatchFleetResponse::kPortRemoved: return "-" + response.port_removed();
            default: return response.status().stale() ? "stale" : "fresh";
        }
    }

private:
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<v1::WatchFleetResponse>> stream_;
};

class FleetWatchRpc : public FleetRpc {
protected:
    void watch() { watching_ = std::make_unique<Watching>(*fleet_); }
    std::string next() {
        auto done = std::async(std::launch::async, [&] { return watching_->next(); });
        return outcome(done);
    }
    ~FleetWatchRpc() override {
        stop();
        watching_.reset();
    }

    std::unique_ptr<Watching> watching_;
};

TEST_P(FleetRpc, ListsEveryPortOnceByNameInPages) {
    std::vector<std::string> all;
    for (int i = 10; i < 35; ++i) {
        all.push_back("b" + std::to_string(i));
        add(all.back(), "lab7");
    }
    int pages = 0;

    EXPECT_EQ(names(10, &pages), all);
    EXPECT_EQ(pages, 3);
    EXPECT_EQ(names(25), all);
    EXPECT_EQ(names(0), all);
    EXPECT_EQ(page(25).next_page_token(), "");
}

TEST_P(FleetRpc, APageHasAtMostAThousandPorts) {
    for (int i = 0; i < 1001; ++i) add("b" + std::to_string(10000 + i), "lab7");

    EXPECT_EQ(page(0).ports_size(), 1000);
    EXPECT_EQ(page(5000).ports_size(), 1000);
    EXPECT_EQ(names(5000).size(), 1001U);
}

TEST_P(FleetRpc, APortHasAllThatTheRosterSays) {
    add("b1", "lab7");
    set_status(true, {}, "etcd is away");

    const auto response = page(0);

    ASSERT_EQ(response.ports_size(), 1);
    const v1::FleetPort& port = response.ports(0);
    EXPECT_EQ(port.bridge(), "lab7");
    EXPECT_EQ(port.address(), "lab7.example:50051");
    EXPECT_TRUE(port.tls());
    EXPECT_EQ(port.state(), v1::STATE_ONLINE);
    EXPECT_EQ(port.log_id(), "log-b1");
    EXPECT_EQ(port.labels().at("rack"), "3");
    EXPECT_EQ(port.claim(), 7);
    EXPECT_EQ(response.status().bridge(), "lab1");
    EXPECT_TRUE(response.status().stale());
    EXPECT_EQ(response.status().problem(), "etcd is away");
    EXPECT_EQ(response.status().revision(), 9);
}

TEST_P(FleetRpc, ListsTheBridgesWithTheirNumberOfPorts) {
    add_bridge("lab1");
    add_bridge("lab7");
    add("b1", "lab7");
    add("b2", "lab7");
    v1::ListBridgesResponse response;

    EXPECT_TRUE(call(&v1::FleetService::Stub::ListBridges, {}, response).ok());

    ASSERT_EQ(response.bridges_size(), 2);
    EXPECT_EQ(response.bridges(0).id(), "lab1");
    EXPECT_EQ(response.bridges(0).ports(), 0U);
    EXPECT_EQ(response.bridges(1).address(), "lab7.example:50051");
    EXPECT_EQ(response.bridges(1).ports(), 2U);
}

TEST_P(FleetRpc, ResolvesAPortAndSaysWhetherThatMayBeOld) {
    add("b1", "lab7");
    set_status(false);
    v1::ResolveResponse response;

    EXPECT_TRUE(resolve("b1", response).ok());

    EXPECT_EQ(response.address(), "lab7.example:50051");
    EXPECT_EQ(response.bridge(), "lab7");
    EXPECT_EQ(response.port().name(), "b1");
    EXPECT_FALSE(response.stale());
    set_status(true);
    EXPECT_TRUE(resolve("b1", response).ok());
    EXPECT_TRUE(response.stale());
}

TEST_P(FleetRpc, SuggestsTheClosestNameThatTheClientMaySee) {
    add("board-17", "lab7");
    add("board-99", "lab7");
    v1::ResolveResponse response;

    const grpc::Status wrong = resolve("bord-17", response);

    EXPECT_EQ(wrong.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_THAT(wrong.error_message(), HasSubstr("did you mean \"board-17\"?"));
    EXPECT_THAT(resolve("xoard-17", response).error_message(), HasSubstr("did you mean \"board-17\"?"));
    EXPECT_THAT(resolve("printer", response).error_message(), Not(HasSubstr("did you mean")));
    grant(Role::list, {"board-99"});
    EXPECT_THAT(resolve("bord-17", response).error_message(), Not(HasSubstr("board-17")));
    EXPECT_EQ(resolve("board-17", response).error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_TRUE(resolve("board-99", response).ok());
}

TEST_P(FleetRpc, HidesPortsThatTheClientMayNotList) {
    for (int i = 0; i < 1500; ++i) add("a" + std::to_string(10000 + i), "lab7");
    add("b1", "lab7");
    set_status(false, {{"b1", "lab7"}, {"a10000", "lab7"}});
    grant(Role::list, {"b*"});

    EXPECT_THAT(names(0), ElementsAre("b1"));
    ASSERT_EQ(page(0).status().conflicts_size(), 1);
    EXPECT_EQ(page(0).status().conflicts(0).port(), "b1");
}

TEST_P(FleetRpc, RefusesAClientWithoutRightsABadTokenAndAnEmptyName) {
    v1::ListFleetPortsRequest request;
    v1::ListFleetPortsResponse ports;
    request.set_page_token(std::string(300, 'a'));

    const grpc::Status bad = call(&v1::FleetService::Stub::ListFleetPorts, request, ports);

    EXPECT_EQ(bad.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(info_of(bad).metadata().at("field"), "page_token");
    v1::ResolveResponse resolved;
    EXPECT_EQ(resolve("", resolved).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    grant_others();
    v1::ListBridgesResponse bridges;
    EXPECT_EQ(call(&v1::FleetService::Stub::ListBridges, {}, bridges).error_code(),
              grpc::StatusCode::PERMISSION_DENIED);
}

TEST_P(FleetRpc, WithoutAFleetEveryCallSaysWhatToConfigure) {
    serve(nullptr);
    v1::ResolveResponse response;

    const grpc::Status status = resolve("b1", response);

    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(info_of(status).reason(), "UNSUPPORTED");
    EXPECT_EQ(info_of(status).metadata().at("capability"), "fleet");
    EXPECT_THAT(status.error_message(), HasSubstr("configure [fleet]"));
    v1::ListBridgesResponse bridges;
    EXPECT_EQ(call(&v1::FleetService::Stub::ListBridges, {}, bridges).error_message(), status.error_message());
    Watching watching(*fleet_);
    auto end = std::async(std::launch::async, [&] { return watching.next(); });
    EXPECT_EQ(outcome(end), "end: " + status.error_message());
}

TEST_P(FleetRpc, CountsItsCallsByMethod) {
    v1::ResolveResponse response;
    EXPECT_FALSE(resolve("b1", response).ok());

    const auto counts = server_->counters().snapshot();

    const auto is_resolve = [](const auto& each) { return each.method == "vser.v1.FleetService/Resolve"; };
    const auto found = std::ranges::find_if(counts, is_resolve);
    ASSERT_NE(found, counts.end());
    EXPECT_EQ(found->code, "NOT_FOUND");
    EXPECT_EQ(found->count, 1U);
}

TEST_P(FleetWatchRpc, AWatchTellsAllThenTheStatusThenEveryChange) {
    add_bridge("lab7");
    add("b1", "lab7");
    set_status(false);
    watch();

    EXPECT_EQ(next(), "bridge lab7");
    EXPECT_EQ(next(), "+b1@lab7");
    EXPECT_EQ(next(), "fresh");
    add("b1", "lab8");
    EXPECT_EQ(next(), "+b1@lab8");
    add("b2", "lab7");
    EXPECT_EQ(next(), "+b2@lab7");
    roster_.remove_port("b1");
    EXPECT_EQ(next(), "-b1");
    roster_.remove_bridge("lab7");
    EXPECT_EQ(next(), "no bridge lab7");
    set_status(true);
    EXPECT_EQ(next(), "stale");
}

TEST_P(FleetWatchRpc, ASlowClientGetsTheLastStateOfEachName) {
    set_status(false);
    watch();
    EXPECT_EQ(next(), "fresh");
    for (int i = 0; i < 20000; ++i) add("b1", "lab" + std::to_string(i));

    std::string last;
    int messages = 0;
    while (last != "+b1@lab19999") {
        last = next();
        ++messages;
    }

    EXPECT_LT(messages, 20000);
}

TEST_P(FleetWatchRpc, AWatchFollowsTheRules) {
    add("a1", "lab7");
    add("b1", "lab7");
    set_status(false);
    grant(Role::list, {"a*"});
    watch();
    EXPECT_EQ(next(), "+a1@lab7");
    EXPECT_EQ(next(), "fresh");

    grant(Role::list, {"b*"});

    EXPECT_EQ(next(), "-a1");
    EXPECT_EQ(next(), "+b1@lab7");
    EXPECT_EQ(next(), "fresh");
    roster_.remove_port("a1");
    roster_.remove_port("b1");
    EXPECT_EQ(next(), "-b1");
    grant_others();
    EXPECT_THAT(next(), HasSubstr("end: "));
}

TEST_P(FleetWatchRpc, AWatchEndsWithTheServer) {
    watch();
    EXPECT_EQ(next(), "stale");
    auto end = std::async(std::launch::async, [&] { return watching_->next(); });

    stop();

    EXPECT_THAT(outcome(end), HasSubstr("shutting down"));
}

INSTANTIATE_TEST_SUITE_P(Engines, FleetRpc, testing::Values("epoll"), [](const auto& each) { return each.param; });
INSTANTIATE_TEST_SUITE_P(Engines, FleetWatchRpc, testing::Values("epoll"), [](const auto& each) { return each.param; });

}  // namespace
}  // namespace vserd
