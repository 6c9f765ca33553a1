// The copy of the fleet that faces read.
#include "roster/roster.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vserd::roster {
namespace {

Port port(const std::string& name, const std::string& bridge = "lab1") {
    Port made;
    made.name = name;
    made.bridge = bridge;
    made.address = "lab1.example:50051";
    return made;
}

std::vector<std::string> drain(Roster::Watch& watch) {
    std::vector<std::string> names;
    while (const auto change = watch.take()) names.push_back(change->name);
    return names;
}

TEST(Roster, FindsWhatWasPutAndNothingElse) {
    Roster roster;
    roster.put(port("b"));

    ASSERT_TRUE(roster.port("b"));
    EXPECT_EQ(roster.port("b")->address, "lab1.example:50051");
    EXPECT_FALSE(roster.port("a"));
    EXPECT_FALSE(roster.bridge("b"));
    roster.remove_port("b");
    EXPECT_FALSE(roster.port("b"));
    roster.remove_port("b");
    EXPECT_EQ(roster.size(), 0U);
}

TEST(Roster, PagesThroughThePortsByNameWhileTheyChange) {
    Roster roster;
    for (const char* name : {"c", "a", "b", "d"}) roster.put(port(name));

    std::string pages;
    std::string last;
    while (const auto next = roster.port_after(last)) {
        last = next->name;
        pages += last;
        if (last == "b") roster.remove_port("c");
    }

    EXPECT_EQ(pages, "abd");
}

TEST(Roster, KeepsAValueThatSomebodyReadsWhileItIsReplaced) {
    Roster roster;
    roster.put(port("a", "lab1"));
    const PortRef before = roster.port("a");

    roster.put(port("a", "lab2"));

    EXPECT_EQ(before->bridge, "lab1");
    EXPECT_EQ(roster.port("a")->bridge, "lab2");
}

TEST(Roster, CountsThePortsOfEachBridge) {
    Roster roster;
    roster.put(port("a", "lab1"));
    roster.put(port("b", "lab1"));
    roster.put(port("b", "lab1"));
    EXPECT_EQ(roster.ports_of("lab1"), 2U);

    roster.put(port("b", "lab2"));
    EXPECT_EQ(roster.ports_of("lab1"), 1U);
    EXPECT_EQ(roster.ports_of("lab2"), 1U);

    roster.remove_port("a");
    roster.remove_port("b");
    EXPECT_EQ(roster.ports_of("lab1"), 0U);
    EXPECT_EQ(roster.ports_of("lab2"), 0U);
}

TEST(Roster, AWatchFindsEachChangedNameOnceHoweverOftenItChanged) {
    Roster roster;
    int wakes = 0;
    Roster::Watch watch(roster, [&] { ++wakes; });
    for (int i = 0; i < 100; ++i) {
        Port changed = port("a");
        changed.online = i % 2 == 0;
        roster.put(changed);
    }
    roster.put(port("b"));
    roster.remove_port("b");

    EXPECT_EQ(wakes, 1);
    EXPECT_EQ(drain(watch), (std::vector<std::string>{"a", "b"}));
    EXPECT_FALSE(watch.take());
    roster.put(port("c"));
    EXPECT_EQ(wakes, 2);
}

TEST(Roster, AWatchIsNotToldWhatStaysTheSame) {
    Roster roster;
    roster.put(port("a"));
    int wakes = 0;
    const Roster::Watch watch(roster, [&] { ++wakes; });

    roster.put(port("a"));
    roster.remove_port("b");
    roster.set_revision(9);

    EXPECT_EQ(wakes, 0);
    EXPECT_EQ(roster.status().revision, 9);
}

TEST(Roster, AWatchThatIsGoneIsNotCalled) {
    Roster roster;
    int wakes = 0;
    {
        const Roster::Watch watch(roster, [&] { ++wakes; });
    }

    roster.put(port("a"));

    EXPECT_EQ(wakes, 0);
}

}  // namespace
}  // namespace vserd::roster
