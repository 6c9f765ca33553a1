// The values in etcd.
#include "fleet/entry_json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vserd::fleet {
namespace {

roster::Port port() {
    return {.name = "b1",
            .bridge = "lab7",
            .address = "lab7.example:50051",
            .tls = true,
            .online = true,
            .description = "board \"1\" ä",
            .log_id = "0123abcd",
            .labels = {{"rack", "3"}},
            .claim = 0};
}

roster::Bridge bridge() {
    return {.id = "lab7",
            .address = "[2001:db8::7]:50051",
            .tls = true,
            .version = "1.2.3",
            .started = roster::Time(std::chrono::seconds(1'790'000'000)),
            .metrics_address = "lab7.example:9464",
            .metrics_tls = true,
            .web = "https://lab7.example:8443",
            .machine = "c0ffee"};
}

TEST(FleetEntryJson, ReadsWhatItWrites) {
    EXPECT_EQ(*port_of_json("b1", to_json(port())), port());
    EXPECT_EQ(*bridge_of_json("lab7", to_json(bridge())), bridge());
}

TEST(FleetEntryJson, UsesTheNamesOfTheProto) {
    const std::string text = to_json(port());

    EXPECT_NE(text.find(R"("log_id":"0123abcd")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("state":"STATE_ONLINE")"), std::string::npos) << text;
    EXPECT_EQ(text.find("claim"), std::string::npos) << text;
}

TEST(FleetEntryJson, IgnoresFieldsOfLaterVersions) {
    const char* const text =
        R"({"name":"b1","bridge":"lab7","address":"lab7:1","state":"STATE_FROM_THE_FUTURE","more":{"deep":[1,{}]}})";
    const auto read = port_of_json("b1", text);

    ASSERT_TRUE(read);
    EXPECT_FALSE(read->online);
}

TEST(FleetEntryJson, RejectsWhatIsNoEntryOfThatKey) {
    for (const char* text :
         {"", "{", "[]", "null", "1", "\x01", R"({"name":"b2","bridge":"lab7","address":"lab7:1"})",
          R"({"name":"b1","bridge":"lab 7","address":"lab7:1"})", R"({"name":"b1","address":"lab7:1"})",
          R"({"name":"b1","bridge":"lab7"})", R"({"name":"b1","bridge":"lab7","address":"lab7"})",
          R"({"name":"b1","bridge":"lab7","address":"lab7:0"})",
          R"({"name":"b1","bridge":"lab7","address":"unix:/run/x"})", R"({"name":["b1"]})"}) {
        EXPECT_FALSE(port_of_json("b1", text)) << text;
    }
    EXPECT_FALSE(port_of_json("a/b", R"({"name":"a/b","bridge":"lab7","address":"lab7:1"})"));
    EXPECT_FALSE(bridge_of_json("lab8", to_json(bridge())));
    EXPECT_FALSE(bridge_of_json("lab7", R"({"id":"lab7","address":"lab7:1","metrics_address":"nowhere"})"));
}

TEST(FleetEntryJson, BoundsWhatItTakes) {
    roster::Port large = port();
    large.description = std::string(entry_bytes_max, 'x');
    EXPECT_FALSE(port_of_json("b1", to_json(large)));

    large.description = std::string(5000, 'x');
    EXPECT_EQ(port_of_json("b1", to_json(large))->description.size(), 1024U);

    roster::Port labelled = port();
    for (int i = 0; i < 100; ++i) labelled.labels["l" + std::to_string(i)] = "x";
    EXPECT_FALSE(port_of_json("b1", to_json(labelled)));
}

TEST(FleetEntryJson, ShowsNoControlCharacters) {
    const auto read =
        port_of_json("b1", R"({"name":"b1","bridge":"lab7","address":"lab7:1","description":"a\u001b[31mb\n"})");

    ASSERT_TRUE(read);
    EXPECT_EQ(read->description.find('\x1b'), std::string::npos);
    EXPECT_EQ(read->description.find('\n'), std::string::npos);
}

TEST(FleetEntryJson, SurvivesNesting) {
    std::string deep = R"({"name":"b1","bridge":"lab7","address":"lab7:1","more":)";
    for (int i = 0; i < 20'000; ++i) deep += '[';
    EXPECT_FALSE(port_of_json("b1", deep));
}

}  // namespace
}  // namespace vserd::fleet
