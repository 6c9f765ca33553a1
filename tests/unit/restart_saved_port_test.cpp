#include "restart/saved_port.hpp"

#include <gtest/gtest.h>

namespace vserd::restart {
namespace {

class SavedPortTest : public testing::Test {
protected:
    log::LogStoreRef store_ = log::LogStore::in_memory(4096);
    SavedPort saved_{*store_};
    const line::Settings configured_{9600, {7, line::Parity::even}};
};

TEST_F(SavedPortTest, ModemLinesAndCountersComeBackAndAreMissingInANewLog) {
    EXPECT_FALSE(saved_.status());
    const line::LineStatus status{{.dtr = true, .rts = false, .cts = true, .dsr = false, .dcd = false, .ri = true},
                                  {1, 20, 300, std::uint64_t{1} << 40U}};

    saved_.save_status(status);

    ASSERT_TRUE(saved_.status());
    EXPECT_EQ(saved_.status()->signals, status.signals);
    EXPECT_EQ(saved_.status()->errors, status.errors);
}

TEST_F(SavedPortTest, SettingsOfRunTimeAreResumedUnlessTheConfigurationChanged) {
    saved_.begin(configured_, std::nullopt);
    saved_.save_settings({300, {}});

    EXPECT_EQ(saved_.resume(configured_, true).settings.value().get(), (line::Settings{300, {}}));
    EXPECT_FALSE(saved_.resume({19200, {}}, true).settings);
    EXPECT_EQ(saved_.resume({19200, {}}, true).in_force, (line::Settings{300, {}}));
    EXPECT_FALSE(saved_.resume(configured_, false).settings);
}

TEST_F(SavedPortTest, SettingsThatNoLineTakesAreNotResumed) {
    saved_.begin(configured_, std::nullopt);
    saved_.save_settings({0, {}});

    EXPECT_FALSE(saved_.resume(configured_, true).settings);
    EXPECT_EQ(saved_.resume(configured_, true).in_force->baud, 0U);
}

TEST_F(SavedPortTest, EachThingThatHoldsIsKeptByItself) {
    saved_.set(SavedPort::online, true);
    saved_.set(SavedPort::terminal_closed, true);
    saved_.set(SavedPort::online, false);

    EXPECT_FALSE(saved_.is(SavedPort::online));
    EXPECT_FALSE(saved_.is(SavedPort::exclusive));
    EXPECT_TRUE(saved_.resume(configured_, false).terminal_closed);
}

/// The words of a log that version 3 left; a daemon that is updated reads them.
TEST_F(SavedPortTest, EachValueHasThePlaceThatTheLayoutGivesIt) {
    const auto at = [&](std::size_t offset) {
        return *reinterpret_cast<const std::uint64_t*>(reinterpret_cast<const std::byte*>(&store_->header()) + offset);
    };

    saved_.save_transmitted(1);
    saved_.save_status({{}, {2, 3, 4, 5}});
    saved_.set(SavedPort::exclusive, true);
    store_->set_owner(6);

    EXPECT_EQ(at(224), 1U);
    EXPECT_EQ(at(272), 2U);
    EXPECT_EQ(at(280), 3U);
    EXPECT_EQ(at(288), 4U);
    EXPECT_EQ(at(296), 5U);
    EXPECT_EQ(at(304), 6U);
    EXPECT_EQ(at(312), std::uint64_t{SavedPort::exclusive});
}

}  // namespace
}  // namespace vserd::restart
