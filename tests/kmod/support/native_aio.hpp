/// Native AIO by its system calls, for which glibc has no wrappers.
#pragma once

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

namespace vserd::kmodtest {

class AioContext {
public:
    explicit AioContext(unsigned events = 64) { ::syscall(SYS_io_setup, events, &context_); }
    ~AioContext() { destroy(); }
    AioContext(const AioContext&) = delete;
    AioContext& operator=(const AioContext&) = delete;

    void destroy() {
        if (context_ != 0) ::syscall(SYS_io_destroy, context_);
        context_ = 0;
    }
    /// 1 when submitted, else -errno.
    int submit(iocb& request) {
        iocb* list[] = {&request};
        const long result = ::syscall(SYS_io_submit, context_, 1, list);
        return result < 0 ? -errno : static_cast<int>(result);
    }
    /// 0 or -errno; -EINPROGRESS means that the event follows.
    int cancel(iocb& request) {
        io_event event{};
        return ::syscall(SYS_io_cancel, context_, &request, &event) < 0 ? -errno : 0;
    }
    /// Waits for at least `least` events, up to the time.
    std::vector<io_event> events(long least, int seconds) {
        std::vector<io_event> list(64);
        timespec time{seconds, 0};
        const long count = ::syscall(SYS_io_getevents, context_, least, 64, list.data(), &time);
        list.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return list;
    }

private:
    aio_context_t context_ = 0;
};

inline iocb aio_request(int opcode, int fd, const void* buffer, std::size_t size, __u64 tag = 0) {
    iocb request{};
    request.aio_lio_opcode = static_cast<__u16>(opcode);
    request.aio_fildes = static_cast<__u32>(fd);
    request.aio_buf = reinterpret_cast<__u64>(buffer);
    request.aio_nbytes = size;
    request.aio_data = tag;
    return request;
}

}  // namespace vserd::kmodtest
