#include "base/numbers_in.hpp"

#include <dirent.h>

#include <charconv>
#include <memory>
#include <string_view>

namespace vserd::base {
namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

std::vector<int> numbers_in(const std::string& path) {
    std::vector<int> numbers;
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    while (directory) {
        const dirent* entry = ::readdir(directory.get());  // NOLINT(concurrency-mt-unsafe): not a shared stream
        if (entry == nullptr) break;
        const std::string_view name(entry->d_name);
        int number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size()) numbers.push_back(number);
    }
    return numbers;
}

}  // namespace vserd::base
