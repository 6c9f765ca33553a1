/// Allocations and copies that fail on purpose, where the kernel can do that: the debug kernel of tests/kmod/vm.
#pragma once

#include <initializer_list>
#include <string>

#include "support/module.hpp"

namespace vserd::kmodtest {

/// Sets the kernel up: every allocation from a slab and every copy may fail, a share of them by itself. Quietly, or the
/// log would hold a stack for each. False where the kernel cannot.
inline bool enable_failures(int percent) {
    const std::string debug = "/sys/kernel/debug/";
    if (write_file(debug + "failslab/ignore-gfp-wait", "N") != 0) return false;
    for (const char* kind : {"failslab/", "fail_usercopy/"}) {
        write_file(debug + kind + "verbose", "0");
        write_file(debug + kind + "task-filter", "Y");
        write_file(debug + kind + "times", "-1");
        write_file(debug + kind + "probability", std::to_string(percent));
    }
    return true;
}

/// That share is for threads that ask for it, and for what they start.
inline void let_this_thread_fail() { write_file("/proc/thread-self/make-it-fail", "1"); }

/// Makes the n-th thing that can fail in this thread fail, once, whatever the share.
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
