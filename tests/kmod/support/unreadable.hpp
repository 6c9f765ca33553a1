/// A page of memory followed by a page that is not there, for calls that must fault at a known byte.
#pragma once

#include <sys/mman.h>

#include <cstddef>

namespace vserd::kmodtest {

class Unreadable {
public:
    Unreadable()
        : page_(static_cast<char*>(
              ::mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        ::munmap(page_ + size, size);
    }
    ~Unreadable() { ::munmap(page_, size); }
    Unreadable(const Unreadable&) = delete;
    Unreadable& operator=(const Unreadable&) = delete;

    /// The last so many good bytes.
    char* before_hole(std::size_t bytes) const { return page_ + size - bytes; }
    char* hole() const { return page_ + size; }

private:
    static constexpr std::size_t size = 4096;
    char* page_;
};

}  // namespace vserd::kmodtest
