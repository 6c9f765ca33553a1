// Which names a bridge claims, changes and gives up.
#include "fleet/claims.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace vserd::fleet {
namespace {

constexpr std::size_t many = 1000;

/// "claim a@0", in the order of the steps.
std::vector<std::string> words(const std::vector<Step>& steps) {
    std::vector<std::string> list;
    for (const Step& step : steps) {
        const char* const kind = step.kind == Step::Kind::claim    ? "claim "
                                 : step.kind == Step::Kind::update ? "update "
                                                                   : "release ";
        list.push_back(kind + step.name + "@" + std::to_string(step.revision));
    }
    return list;
}

using Words = std::vector<std::string>;

/// Carries out every step that is due.
void succeed(Claims& claims, std::int64_t revision) {
    for (const Step& step : claims.next(many, true)) claims.succeeded(step, revision);
}

TEST(FleetClaims, ClaimsWhatIsWantedOnce) {
    Claims claims;
    claims.want("a", "1");
    EXPECT_EQ(words(claims.next(many, false)), Words{"claim a@0"});

    succeed(claims, 7);

    EXPECT_TRUE(claims.next(many, true).empty());
    EXPECT_EQ(claims.counts().owned, 1U);
}

TEST(FleetClaims, UpdatesOnlyItsOwnKeyAndOnlyWhenAsked) {
    Claims claims;
    claims.want("a", "1");
    succeed(claims, 7);

    claims.want("a", "2");

    EXPECT_TRUE(claims.next(many, false).empty());
    EXPECT_FALSE(claims.has_work(false));
    EXPECT_EQ(words(claims.next(many, true)), Words{"update a@7"});
    claims.want("a", "1");
    EXPECT_FALSE(claims.has_work(true));  // back to what etcd has
}

TEST(FleetClaims, ANameThatIsDroppedWhileItIsClaimedIsReleased) {
    for (const bool response_lost : {false, true}) {
        Claims claims;
        claims.want("a", "1");
        const auto steps = claims.next(many, false);
        claims.drop("a");

        if (response_lost)
            claims.recovered("a", 7);
        else
            claims.succeeded(steps.at(0), 7);

        EXPECT_EQ(words(claims.next(many, false)), Words{"release a@7"});
        succeed(claims, 8);
        EXPECT_FALSE(claims.has_work(true));
    }
}

TEST(FleetClaims, AValueThatChangesDuringItsTransactionIsWrittenAgain) {
    Claims claims;
    claims.want("a", "1");
    const auto steps = claims.next(many, true);

    claims.want("a", "2");
    claims.succeeded(steps.front(), 7);

    EXPECT_EQ(words(claims.next(many, true)), Words{"update a@7"});
}

TEST(FleetClaims, ReleasesWhatIsDroppedAndForgetsIt) {
    Claims claims;
    claims.want("a", "1");
    claims.want("b", "1");
    succeed(claims, 7);

    claims.drop("a");
    EXPECT_EQ(words(claims.next(many, true)), Words{"release a@7"});
    succeed(claims, 8);

    EXPECT_FALSE(claims.has_work(true));
    EXPECT_EQ(claims.counts().owned, 1U);
}

TEST(FleetClaims, ADroppedNameThatIsWantedAgainBeforeItsReleaseIsKept) {
    Claims claims;
    claims.want("a", "1");
    succeed(claims, 7);

    claims.drop("a");
    claims.want("a", "1");

    EXPECT_FALSE(claims.has_work(true));
}

TEST(FleetClaims, ATakenNameIsAConflictUntilItIsFree) {
    Claims claims;
    claims.want("a", "1");
    claims.taken("a", {"lab2", 5});
    EXPECT_FALSE(claims.has_work(true));
    EXPECT_EQ(claims.conflicts(), (std::vector<roster::Conflict>{{"a", "lab2"}}));

    claims.saw_free("a", 4);  // an earlier owner's end, seen late
    EXPECT_FALSE(claims.has_work(true));
    claims.saw_free("a", 9);

    EXPECT_TRUE(claims.conflicts().empty());
    EXPECT_EQ(words(claims.next(many, false)), Words{"claim a@0"});
}

TEST(FleetClaims, FollowsTheOwnerFromOneBridgeToTheNext) {
    Claims claims;
    claims.want("a", "1");
    claims.taken("a", {"lab2", 5});

    claims.saw_owner("a", {"lab3", 9});

    EXPECT_EQ(claims.conflicts(), (std::vector<roster::Conflict>{{"a", "lab3"}}));
}

TEST(FleetClaims, WhatTheMirrorSeesLateChangesNothing) {
    Claims claims;
    claims.want("a", "1");
    succeed(claims, 7);

    claims.saw_owner("a", {"lab2", 5});  // before us
    claims.saw_owner("a", {"lab1", 7});  // us
    claims.saw_free("a", 6);             // the key of lab2

    EXPECT_EQ(claims.counts().owned, 1U);
    EXPECT_FALSE(claims.has_work(true));
}

TEST(FleetClaims, AKeyThatWasDeletedIsClaimedAgain) {
    Claims claims;
    claims.want("a", "1");
    succeed(claims, 7);

    claims.saw_free("a", 8);

    EXPECT_EQ(words(claims.next(many, false)), Words{"claim a@0"});
}

TEST(FleetClaims, AKeyThatAnotherBridgeClaimedMeanwhileIsAConflict) {
    Claims claims;
    claims.want("a", "1");
    succeed(claims, 7);

    claims.saw_owner("a", {"lab2", 9});

    EXPECT_EQ(claims.counts().conflict, 1U);
    EXPECT_FALSE(claims.has_work(true));
}

TEST(FleetClaims, AClaimWhoseResponseWasLostIsOursAndWrittenAgain) {
    Claims claims;
    claims.want("a", "1");
    claims.recovered("a", 7);

    EXPECT_EQ(claims.counts().owned, 1U);
    EXPECT_EQ(words(claims.next(many, true)), Words{"update a@7"});
}

TEST(FleetClaims, ALostLeaseMeansClaimingEverythingAgain) {
    Claims claims;
    for (const char* name : {"a", "b", "c"}) claims.want(name, "1");
    claims.taken("c", {"lab2", 5});
    succeed(claims, 7);
    claims.drop("b");

    claims.lose_all();

    EXPECT_EQ(words(claims.next(many, true)), (Words{"claim a@0", "claim c@0"}));
}

TEST(FleetClaims, ADoubtedOwnerIsAskedAboutAndStaysAConflictMeanwhile) {
    Claims claims;
    claims.want("a", "1");
    claims.want("b", "1");
    claims.taken("a", {"lab2", 5});
    succeed(claims, 7);

    claims.doubt_owners();

    EXPECT_EQ(words(claims.next(many, true)), Words{"claim a@0"});
    EXPECT_EQ(claims.counts().conflict, 1U);
    claims.taken("a", {"lab2", 5});
    EXPECT_FALSE(claims.has_work(true));
    claims.doubt_owners();
    succeed(claims, 9);
    EXPECT_EQ(claims.counts().owned, 2U);
}

TEST(FleetClaims, AListFreesWhatIsNotInIt) {
    Claims claims;
    for (const char* name : {"mine", "gone", "other"}) claims.want(name, "1");
    claims.taken("gone", {"lab2", 5});
    claims.taken("other", {"lab3", 5});
    succeed(claims, 7);

    claims.saw_all(10, [](const std::string& name) { return name != "gone"; });

    EXPECT_EQ(words(claims.next(many, true)), Words{"claim gone@0"});
    EXPECT_EQ(claims.counts().owned, 1U);
    EXPECT_EQ(claims.counts().conflict, 1U);
}

TEST(FleetClaims, ABatchIsBoundedByStepsAndBytes) {
    Claims claims;
    for (int i = 0; i < 300; ++i) claims.want("n" + std::to_string(i), std::string(10, 'x'));
    EXPECT_EQ(claims.next(100, true).size(), 100U);

    Claims large;
    for (int i = 0; i < 100; ++i) large.want("n" + std::to_string(i), std::string(60'000, 'x'));
    std::size_t bytes = 0;
    for (const Step& step : large.next(100, true)) bytes += step.value.size();
    EXPECT_GT(bytes, 0U);
    EXPECT_LE(bytes, std::size_t{1} << 20);  // etcd accepts 1.5 MiB

    std::set<std::string> all;
    for (int round = 0; round < 100 && large.has_work(true); ++round) {
        for (const Step& step : large.next(100, true)) {
            all.insert(step.name);
            large.succeeded(step, 7);
        }
    }
    EXPECT_EQ(all.size(), 100U);
}

}  // namespace
}  // namespace vserd::fleet
