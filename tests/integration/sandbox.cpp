// sandbox [OPTION...] PROGRAM [ARGUMENT...]: runs a program as a container or a service manager might confine it.
//   --deny-io-uring=ERRNO   io_uring_setup fails with that number
//   --no-async-from=FD      descriptors from this number on have no asynchronous notification, as some devices have none
//   --descriptors=N --locked-bytes=N --queued-signals=N   resource limits

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

void check(int outcome, const char* what) {
    if (outcome == 0) return;
    std::perror(what);
    std::exit(125);
}

sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)); }
sock_filter skip_unless(unsigned short comparison, unsigned value, unsigned char count) {
    return BPF_JUMP(static_cast<unsigned short>(BPF_JMP | comparison | BPF_K), value, 0, count);
}
sock_filter fail_with(unsigned errno_value) { return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errno_value); }

void filter(std::vector<sock_filter> program) {
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
    check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    check(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole), "PR_SET_SECCOMP");
}

void limit(__rlimit_resource resource, rlim_t value) {
    const rlimit both{value, value};
    check(::setrlimit(resource, &both), "setrlimit");
}

bool apply(std::string_view option) {
    const auto split = option.find('=');
    if (!option.starts_with("--") || split == std::string_view::npos) return false;
    const std::string_view name = option.substr(0, split);
    const auto value = static_cast<unsigned>(std::strtoul(option.data() + split + 1, nullptr, 10));
    if (name == "--deny-io-uring") {
        filter({load(offsetof(seccomp_data, nr)), skip_unless(BPF_JEQ, SYS_io_uring_setup, 1), fail_with(value)});
    } else if (name == "--no-async-from") {
        filter({load(offsetof(seccomp_data, nr)), skip_unless(BPF_JEQ, SYS_ioctl, 5),
                load(offsetof(seccomp_data, args[1])), skip_unless(BPF_JEQ, FIOASYNC, 3),
                load(offsetof(seccomp_data, args[0])), skip_unless(BPF_JGE, value, 1), fail_with(ENOTTY)});
    } else if (name == "--descriptors") {
        limit(RLIMIT_NOFILE, value);
    } else if (name == "--locked-bytes") {
        limit(RLIMIT_MEMLOCK, value);
    } else if (name == "--queued-signals") {
        limit(RLIMIT_SIGPENDING, value);
    } else {
        std::fprintf(stderr, "sandbox: there is no option %s\n", option.data());
        std::exit(125);
    }
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    int at = 1;
    while (at < count && apply(arguments[at])) ++at;
    if (at == count) return 125;
    ::execv(arguments[at], arguments + at);
    std::perror(arguments[at]);
    return 125;
}
