// Every engine on every kind of line that returns what it is sent: ptys, simulated devices and, where the driver is loaded
// (in the virtual machine, without pacing), vser nodes.

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "contract/engine_rig.hpp"
#include "contract/line_rig.hpp"
#include "line/line.hpp"
#include "port/device.hpp"
#include "support/engines.hpp"
#include "support/settings.hpp"

namespace vserd::test {
namespace {

using io::OperationKind;

constexpr line::Settings fast{4'000'000, {}};

/// One open line, whose device echoes.
class Echo {
public:
    Echo(const std::string& kind, std::size_t number, const std::string& more = {}) {
        std::string device = "sim:echo?unpaced=1" + more;
        if (kind == "pty") {
            pty_ = open_pty();
            pty_.slave.reset();
            device = pty_.path;
        } else if (kind == "vser") {
            device = "/dev/vser" + std::to_string(number);
        }
        auto opened = port::open_line(device, test::valid(fast));
        if (!opened) throw std::runtime_error(opened.error().message);
        line_ = std::move(*opened);
        EXPECT_TRUE(line_->flush(line::FlushDirection::both));
        if (kind == "pty") {
            echo_ = std::thread{[master = pty_.master.get()] {
                std::array<char, 4096> bytes{};
                for (ssize_t got = 0; got >= 0 && wait_for(master, POLLIN);) {
                    got = ::read(master, bytes.data(), bytes.size());  // fails when the line is closed
                    if (got > 0) write_all(master, {bytes.data(), static_cast<std::size_t>(got)});
                }
            }};
        }
    }
    ~Echo() {
        line_.reset();
        if (echo_.joinable()) echo_.join();
    }
    Echo(const Echo&) = delete;

    int fd() const { return line_->fd(); }

private:
    io::Pty pty_;
    std::unique_ptr<line::Line> line_;
    std::thread echo_;
};

class EngineLine : public testing::TestWithParam<std::tuple<EngineKind, std::string>> {
protected:
    void SetUp() override {
        const EngineKind& engine_kind = std::get<0>(GetParam());
        auto engine = engine_kind.create();
        if (!engine) {
            ASSERT_FALSE(system_grants(engine_kind.name)) << engine.error().message;
            GTEST_SKIP() << engine.error().message;
        }
        rig_ = std::make_unique<Rig>(std::move(*engine));
    }
    const std::string& kind() const { return std::get<1>(GetParam()); }
    Rig& rig() { return *rig_; }

    std::unique_ptr<Rig> rig_;
};

TEST_P(EngineLine, EveryByteComesBackInOrderExactlyOnce) {
    const Echo echo{kind(), 0};
    const io::Slot slot = rig().attach(echo.fd());

    for (const std::size_t size : {1UL, 2UL, 511UL, 513UL, 4096UL, 65537UL, 1UL << 20}) {
        Receiver receiver{rig(), slot, size};
        Sender sender{rig(), slot, pattern(size, static_cast<unsigned>(size))};
        ASSERT_TRUE(rig().run_until([&] { return receiver.done() && sender.done(); })) << size << " bytes";
        ASSERT_EQ(receiver.failure, std::nullopt);
        ASSERT_TRUE(receiver.received == pattern(size, static_cast<unsigned>(size))) << size << " bytes";
    }
    rig()->detach(slot);
}

TEST_P(EngineLine, ManyAtOnceEachGetItsOwn) {
    const std::size_t count = kind() == "vser" ? 4 : 64;
    std::vector<std::unique_ptr<Echo>> echoes;
    std::vector<io::Slot> slots;
    std::vector<std::unique_ptr<Receiver>> receivers;
    std::vector<std::unique_ptr<Sender>> senders;
    for (unsigned i = 0; i < count; ++i) {
        echoes.push_back(std::make_unique<Echo>(kind(), i));
        const io::Slot slot = slots.emplace_back(rig().attach(echoes.back()->fd()));
        receivers.push_back(std::make_unique<Receiver>(rig(), slot, 3000));
        senders.push_back(std::make_unique<Sender>(rig(), slot, pattern(3000, i)));
    }

    for (unsigned i = 0; i < count; ++i) {
        ASSERT_TRUE(rig().run_until([&] { return receivers[i]->done() && senders[i]->done(); })) << i;
        EXPECT_TRUE(receivers[i]->received == pattern(3000, i)) << i;
    }
    for (const io::Slot slot : slots) rig()->detach(slot);
}

TEST_P(EngineLine, CancelLosesNothingAndLetsGoOfTheDevice) {
    for (int round = 0; round < 5; ++round) {
        const Echo echo{kind(), 0};  // opening it anew asks that nobody holds it
        Op read{rig(), OperationKind::read, rig().attach(echo.fd()), 64};
        read.start();
        rig().settle();
        read.cancel();
        rig().drain();
        ASSERT_EQ(read.result, -ECANCELED);

        Op write{rig(), OperationKind::write, read.raw.slot, 8};
        write.start();
        read.start();
        ASSERT_TRUE(rig().run_until([&] { return read.done() && write.done(); }));

        EXPECT_GT(*read.result, 0);
        rig()->detach(read.raw.slot);
    }
}

TEST_P(EngineLine, ADeviceThatGoesInMidStreamEndsTheRead) {
    if (kind() != "sim") GTEST_SKIP() << "only a simulated device goes by itself";
    const Echo echo{kind(), 0, "&unplug_after_bytes=5000"};
    const io::Slot slot = rig().attach(echo.fd());
    Receiver receiver{rig(), slot, 1 << 20};
    Sender sender{rig(), slot, pattern(1 << 20)};

    ASSERT_TRUE(rig().run_until([&] { return receiver.done(); }));

    EXPECT_EQ(receiver.failure, 0);
    EXPECT_TRUE(receiver.received == pattern(1 << 20).substr(0, 5000));
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineLine,
                         testing::Combine(testing::ValuesIn(engine_kinds()), testing::ValuesIn(line::line_kinds())),
                         [](const auto& param_info) {
                             return std::get<0>(param_info.param).name + "_" + std::get<1>(param_info.param);
                         });

}  // namespace
}  // namespace vserd::test
