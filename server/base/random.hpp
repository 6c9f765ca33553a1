#pragma once

#include <string>

namespace vserd::base {

/// `words` times 32 bits of the system's random numbers, which nobody can guess, in hexadecimal.
std::string random_hex(int words);

}  // namespace vserd::base
