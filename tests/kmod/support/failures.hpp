/// Allocations and copies that fail on purpose, where the kernel can do that: the debug kernel of tests/kmod/vm.
#pragma once

#include <initializer_list>
#include <string>

#include "support/module.hpp"

namespace vserd::kmodtest {

/// Sets the kernel up: every allocation from a slab and every copy may fail, but none does by itself. Quietly, or the log
/// would hold a stack for each. False where the kernel cannot.
inline bool enable_failures() {
    const std::string debug = "/sys/kernel/debug/";
    if (write_file(debug + "failslab/ignore-gfp-wait", "N") != 0) return false;
    for (const char* kind : {"failslab/", "fail_usercopy/"}) {
        write_file(debug + kind + "verbose", "0");
    }
    return true;
}

/// Makes the n-th thing that can fail in this thread fail, once.
class FailNth {
public:
    FailNth();
    /// Runs the call with its n-th allocation or copy failing; true when it had that many.
    template <class Call>
    bool during(unsigned n, Call call) {
        arm(n);
        call();
        return disarm();
    }

    /// How many things can fail in the call.
    template <class Call>
    unsigned count(Call call) {
        arm(never);
        call();
        return never - remaining();
    }

private:
    static constexpr unsigned never = 1000000;

    unsigned remaining();
    void arm(unsigned n);
    bool disarm();

    Fd file_;
};

}  // namespace vserd::kmodtest
