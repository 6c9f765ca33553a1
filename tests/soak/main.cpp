// integration_soak [--seconds N] [--seed N]
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "soak/soak.hpp"

namespace {

std::chrono::seconds duration{15};
std::uint64_t seed = std::random_device{}();

}  // namespace

TEST(Soak, EveryByteIsAccountedForAndEverythingGivenBack) {
    std::printf("%lld s, --seed %llu\n", static_cast<long long>(duration.count()),
                static_cast<unsigned long long>(seed));
    vserd::soak::Soak(seed, duration).run();
    if (HasFailure()) std::printf("failed with --seed %llu\n", static_cast<unsigned long long>(seed));
}

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // whoever reads the output may leave; the daemon is not left behind then
    testing::InitGoogleTest(&argc, argv);
    for (int i = 1; i < argc; i += 2) {
        const std::string option = argv[i];
        char* end = nullptr;
        const std::uint64_t number = i + 1 < argc ? std::strtoull(argv[i + 1], &end, 0) : 0;
        if (end == nullptr || *end != '\0' || (option != "--seconds" && option != "--seed")) {
            std::fprintf(stderr, "usage: %s [--seconds N] [--seed N]\n", argv[0]);
            return 2;
        }
        if (option == "--seconds") duration = std::chrono::seconds(number);
        if (option == "--seed") seed = number;
    }
    return RUN_ALL_TESTS();
}
