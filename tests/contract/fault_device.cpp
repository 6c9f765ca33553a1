#include "contract/fault_device.hpp"

#include <unistd.h>

#include <array>

namespace vserd {

FaultDevice::~FaultDevice() {
    std::error_code ignored;
    std::filesystem::remove(node_, ignored);
}

void FaultDevice::plug() {
    if (pty_) return;
    pty_ = io::open_pty().value();
    pty_->slave.reset();
    announce();
}

void FaultDevice::announce() const {
    if (!pty_) return;
    const auto made = node_.string() + ".new";
    std::filesystem::create_symlink(pty_->path, made);
    std::filesystem::rename(made, node_);
}

void FaultDevice::unplug() {
    if (!pty_) return;
    std::filesystem::remove(node_);
    pty_.reset();
    to_say_.clear();
}

void FaultDevice::say(const std::string& bytes) {
    if (pty_) to_say_ += bytes;
}

bool FaultDevice::send() {
    if (!pty_ || to_say_.empty()) return false;
    const ssize_t size = ::write(pty_->master.get(), to_say_.data(), to_say_.size());
    if (size > 0) to_say_.erase(0, static_cast<std::size_t>(size));
    return size > 0;
}

bool FaultDevice::receive() {
    if (!pty_) return false;
    std::array<char, 4096> bytes;
    bool any = false;
    while (::read(pty_->master.get(), bytes.data(), bytes.size()) > 0) any = true;
    return any;
}

}  // namespace vserd
