#include "archive/opening.hpp"

#include <utility>

namespace vserd::archive {

Opening open_recordings(const Settings& settings, const std::vector<std::string>& ports, bool locked) {
    Opening opening;
    if (!locked) {
        auto lock = DirectoryLock::take(settings.directory);
        if (!lock) return opened_none(ports, lock.error());
        opening.lock.emplace(std::move(*lock));
    }
    for (const std::string& port : ports) opening.ports.emplace(port, Recording::open(settings, port));
    return opening;
}

Opening opened_none(const std::vector<std::string>& ports, const Error& why) {
    Opening opening;
    opening.directory = why;
    for (const std::string& port : ports) opening.ports.emplace(port, why);
    return opening;
}

}  // namespace vserd::archive
