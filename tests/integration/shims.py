"""Libraries for LD_PRELOAD that make a process see another clock or a slower disk."""
import subprocess

CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long ahead_seconds(void) {
    char text[32] = {0};
    int file = open(getenv("VSERD_TEST_AHEAD"), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (!result && clock == CLOCK_REALTIME) now->tv_sec += ahead_seconds();
    return result;
}
"""

# While the file exists, whoever sizes or removes a file, or makes or lists a directory, waits.
DISK = r"""
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static void wait_for_disk(void) {
    const char *gate = getenv("VSERD_TEST_GATE");
    while (gate && access(gate, F_OK) == 0) usleep(1000);
}

int posix_fallocate(int file, off_t at, off_t size) {
    wait_for_disk();
    return syscall(SYS_fallocate, file, 0, at, size) ? 28 : 0;
}

int mkdir(const char *path, mode_t mode) {
    wait_for_disk();
    return syscall(SYS_mkdirat, -100, path, mode);
}

int unlink(const char *path) {
    wait_for_disk();
    return syscall(SYS_unlink, path);
}

DIR *opendir(const char *path) {
    DIR *(*next)(const char *) = dlsym(RTLD_NEXT, "opendir");
    if (strncmp(path, "/proc", 5)) wait_for_disk();
    return next(path);
}
"""


def built(folder, source):
    """The path of the library."""
    text, library = folder / "shim.c", folder / "shim.so"
    text.write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, text], check=True)
    return str(library)


class Clock:
    """The system's clock of a daemon, which a test sets."""

    def __init__(self, folder):
        self._file = folder / "ahead"
        self.set(0)
        self.environment = {"LD_PRELOAD": built(folder, CLOCK), "VSERD_TEST_AHEAD": str(self._file)}

    def set(self, ahead_seconds):
        self._file.write_text(str(ahead_seconds))


class Disk:
    """A disk that does nothing while it is stopped."""

    def __init__(self, folder):
        self._gate = folder / "gate"
        self.environment = {"LD_PRELOAD": built(folder, DISK), "VSERD_TEST_GATE": str(self._gate)}

    def stop(self):
        self._gate.touch()

    def go_on(self):
        self._gate.unlink()
