#include "restart/saved_lease.hpp"

#include <gtest/gtest.h>

namespace vserd::restart {
namespace {

using namespace std::chrono_literals;

SavedLease a_lease(std::uint64_t id) {
    const log::WallTime since{1'700'000'000s};
    return {id, SavedLease::Held{"ann", "token:ann", "grpc", "flashing", since, since + 90s, 60s}};
}

class SavedLeaseTest : public testing::Test {
protected:
    log::LogStoreRef store_ = log::LogStore::in_memory(4096);
};

TEST_F(SavedLeaseTest, ALeaseComesBackWithEverythingThatItsHolderHasToProve) {
    EXPECT_EQ(saved_lease(*store_), SavedLease{});

    save_lease(*store_, a_lease(7));

    EXPECT_EQ(saved_lease(*store_), a_lease(7));
}

TEST_F(SavedLeaseTest, TheLastIdStaysWhenNobodyHoldsThePort) {
    save_lease(*store_, a_lease(7));
    save_lease(*store_, {7});

    EXPECT_EQ(saved_lease(*store_), SavedLease{7});
}

TEST_F(SavedLeaseTest, AKillWhileARecordIsWrittenLeavesTheOneBefore) {
    for (std::uint64_t id = 1; id <= 4; ++id) {
        save_lease(*store_, a_lease(id));
        for (log::LeaseRecord& record : store_->header().leases) {
            const std::uint64_t check = record.check.exchange(0);
            EXPECT_GE(saved_lease(*store_).last_id, id - 1);
            record.check.store(check);
        }
        EXPECT_EQ(saved_lease(*store_), a_lease(id));
    }
}

TEST_F(SavedLeaseTest, ARecordWithWrongBytesIsNotUsed) {
    save_lease(*store_, a_lease(1));
    save_lease(*store_, a_lease(2));

    for (log::LeaseRecord& record : store_->header().leases) record.text[3] = static_cast<char>(record.text[3] + 1);

    EXPECT_EQ(saved_lease(*store_), SavedLease{});
}

TEST_F(SavedLeaseTest, TextsThatAreTooLongAreCutTheReasonFirst) {
    SavedLease lease = a_lease(1);
    lease.held->identity = std::string(150, 'i');
    lease.held->client = std::string(64, 'c');
    lease.held->reason = std::string(400, 'r');

    save_lease(*store_, lease);

    const auto saved = saved_lease(*store_);
    EXPECT_EQ(saved.held->identity, lease.held->identity);
    EXPECT_EQ(saved.held->client, lease.held->client);
    EXPECT_EQ(saved.held->reason, std::string(saved_lease_text_bytes_max - 150 - 64 - 4, 'r'));
}

}  // namespace
}  // namespace vserd::restart
