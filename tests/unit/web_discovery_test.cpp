#include <gtest/gtest.h>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cstdint>
#include <string>
#include <utility>

#include "roster/roster.hpp"
#include "web/discovery.hpp"

namespace vserd::web {
namespace {

using google::protobuf::ListValue;

roster::Bridge bridge(std::string id, std::string metrics_address) {
    roster::Bridge made;
    made.id = std::move(id);
    made.metrics_address = std::move(metrics_address);
    return made;
}

/// Revision 0: etcd has not been read yet.
void set_status(roster::Roster& roster, std::int64_t revision, std::string problem) {
    roster::Status status;
    status.stale = !problem.empty();
    status.problem = std::move(problem);
    status.revision = revision;
    roster.set_status(std::move(status));
}

void read(roster::Roster& roster) { set_status(roster, 7, ""); }

ListValue list_of(const Response& response) {
    ListValue list;
    EXPECT_EQ(response.status, 200U) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(response.body, &list).ok()) << response.body;
    return list;
}

std::string label(const ListValue& list, int index, const std::string& name) {
    const auto& fields = list.values(index).struct_value().fields();
    return fields.at("labels").struct_value().fields().at(name).string_value();
}

std::string target(const ListValue& list, int index) {
    const auto& targets = list.values(index).struct_value().fields().at("targets").list_value();
    EXPECT_EQ(targets.values_size(), 1);
    return targets.values(0).string_value();
}

TEST(Discovery, WithoutAFleetSaysWhatToConfigure) {
    const Response response = discovery(nullptr);

    EXPECT_EQ(response.status, 404U);
    EXPECT_NE(response.body.find("[fleet]"), std::string::npos);
}

TEST(Discovery, IsNoEmptyListBeforeTheFleetWasRead) {
    roster::Roster roster;
    roster.put(bridge("lab1", "lab1:9464"));
    set_status(roster, 0, "etcd does not answer");

    const Response response = discovery(&roster);

    EXPECT_EQ(response.status, 503U);
    EXPECT_EQ(response.body, "etcd does not answer\n");
}

TEST(Discovery, OfNoBridgesIsAnEmptyList) {
    roster::Roster roster;
    read(roster);

    EXPECT_EQ(discovery(&roster).body, "[]\n");
}

TEST(Discovery, ListsEveryBridgeThatHasMetrics) {
    roster::Roster roster;
    read(roster);
    roster::Bridge first = bridge("lab1", "lab1.example:9464");
    first.version = "1.2";
    roster::Bridge third = bridge("lab3", "[2001:db8::3]:9464");
    third.metrics_tls = true;
    for (const auto& each : {first, bridge("lab2", ""), third}) roster.put(each);

    const ListValue list = list_of(discovery(&roster));

    ASSERT_EQ(list.values_size(), 2);
    EXPECT_EQ(target(list, 0), "lab1.example:9464");
    EXPECT_EQ(label(list, 0, "__meta_vserd_bridge"), "lab1");
    EXPECT_EQ(label(list, 0, "__meta_vserd_version"), "1.2");
    EXPECT_EQ(label(list, 0, "__scheme__"), "http");
    EXPECT_EQ(target(list, 1), "[2001:db8::3]:9464");
    EXPECT_EQ(label(list, 1, "__scheme__"), "https");
}

TEST(Discovery, ListsWhatIsKnownWhileEtcdIsUnreachable) {
    roster::Roster roster;
    roster.put(bridge("lab1", "lab1:9464"));
    set_status(roster, 7, "etcd does not answer");

    EXPECT_EQ(list_of(discovery(&roster)).values_size(), 1);
}

TEST(Discovery, QuotesWhatOthersHaveRegistered) {
    roster::Roster roster;
    read(roster);
    roster.put(bridge("a\"],\n\"b", "lab1:9464"));

    EXPECT_EQ(label(list_of(discovery(&roster)), 0, "__meta_vserd_bridge"), "a\"],\n\"b");
}

}  // namespace
}  // namespace vserd::web
