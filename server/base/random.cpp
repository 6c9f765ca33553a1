#include "base/random.hpp"

#include <fmt/core.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

namespace vserd::base {

std::string random_hex(int words) {
    std::string text;
    for (int i = 0; i < words; ++i) {
        std::uint32_t number = 0;
        // After boot, getrandom() does not fail for so few bytes. A number that can be guessed would be worse than an end.
        if (::getrandom(&number, sizeof number, 0) != sizeof number) std::abort();
        text += fmt::format("{:08x}", number);
    }
    return text;
}

}  // namespace vserd::base
