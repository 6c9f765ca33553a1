// Example: POSIX asynchronous I/O. A read waits in the background and calls back; then lio_listio sends to two ports
// and reads from both in one call.
//
//   posix_aio /dev/vser0 /dev/vser1
//
// glibc does this with threads that call read and write, so it works on every descriptor that blocks. What to know:
//   - the aiocb and the buffer must stay in place until aio_return has been called;
//   - requests of one descriptor are done one after the other: a pending read holds up a write. So open the port twice;
//   - a read that has started cannot be cancelled: aio_cancel then says AIO_NOTCANCELED;
//   - SIGEV_THREAD runs the callback on a thread of its own: what it shares must be protected.
#include <aio.h>
#include <fcntl.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

aiocb request(int fd, void* buffer, std::size_t size, int operation) {
    aiocb block{};
    block.aio_fildes = fd;
    block.aio_buf = buffer;
    block.aio_nbytes = size;
    block.aio_lio_opcode = operation;
    block.aio_sigevent.sigev_notify = SIGEV_NONE;
    return block;
}

void tell(sigval value) { ::sem_post(static_cast<sem_t*>(value.sival_ptr)); }

bool read_with_callback(int reader, int writer) {
    sem_t done;
    ::sem_init(&done, 0, 0);
    std::array<char, 64> buffer{};
    auto reading = request(reader, buffer.data(), buffer.size(), LIO_READ);
    reading.aio_sigevent.sigev_notify = SIGEV_THREAD;
    reading.aio_sigevent.sigev_notify_function = tell;
    reading.aio_sigevent.sigev_value.sival_ptr = &done;
    if (::aio_read(&reading) != 0) return false;

    // The read is pending; this program goes on. Here it sends something to itself.
    if (::write(writer, "callback", 8) != 8) return false;

    ::sem_wait(&done);
    const ssize_t count = ::aio_return(&reading);
    std::printf("callback: %zd bytes: %s\n", count, buffer.data());
    ::sem_destroy(&done);
    return count == 8;
}

bool list_of_requests(const std::array<int, 2>& readers, const std::array<int, 2>& writers) {
    std::array<std::array<char, 8>, 2> in{};
    std::array<char, 4> out{'l', 'i', 's', 't'};
    std::array<aiocb, 4> blocks = {
        request(readers[0], in[0].data(), 4, LIO_READ), request(readers[1], in[1].data(), 4, LIO_READ),
        request(writers[0], out.data(), 4, LIO_WRITE), request(writers[1], out.data(), 4, LIO_WRITE)};
    std::array<aiocb*, 4> list = {&blocks[0], &blocks[1], &blocks[2], &blocks[3]};
    // LIO_WAIT returns when all four are done; LIO_NOWAIT would notify instead.
    if (::lio_listio(LIO_WAIT, list.data(), 4, nullptr) != 0) return false;
    for (auto& block : blocks) {
        if (::aio_return(&block) != 4) return false;
    }
    std::printf("list: %s %s\n", in[0].data(), in[1].data());
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: posix_aio PORT PORT\n", stderr);
        return 2;
    }
    std::array<int, 2> readers{};
    std::array<int, 2> writers{};
    for (std::size_t i = 0; i < 2; ++i) {
        readers[i] = ::open(argv[i + 1], O_RDONLY | O_CLOEXEC);
        writers[i] = ::open(argv[i + 1], O_WRONLY | O_CLOEXEC);
        if (readers[i] < 0 || writers[i] < 0) {
            std::perror(argv[i + 1]);
            return 1;
        }
    }
    return read_with_callback(readers[0], writers[0]) && list_of_requests(readers, writers) ? 0 : 1;
}
