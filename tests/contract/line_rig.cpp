#include "line_rig.hpp"

#include <unistd.h>

#include <cstring>

#include "support/pty.hpp"

namespace vserd::line {
namespace {

class PtyRig final : public LineRig {
public:
    PtyRig() { pty_.slave.reset(); }

    std::string device() const override { return pty_.path; }
    Format in_force(Format wanted) const override {
        const auto stop_bits = wanted.stop_bits == StopBits::one ? StopBits::one : StopBits::two;
        return Format{8, Parity::none, stop_bits, wanted.flow_control};
    }
    void echo(std::size_t count) override {
        test::write_all(pty_.master.get(), test::read_exactly(pty_.master.get(), count));
    }

private:
    io::Pty pty_ = test::open_pty();
};

/// A device that returns every byte by itself.
class LoopRig final : public LineRig {
public:
    explicit LoopRig(std::string device) : device_(std::move(device)) {}

    std::string device() const override { return device_; }
    void echo(std::size_t) override {}

private:
    std::string device_;
};

constexpr const char* vser_node = "/dev/vser0";

}  // namespace

std::string why_no_vser() {
    if (::access(vser_node, R_OK | W_OK) == 0) return {};
    return std::string(vser_node) + " cannot be used (" + std::strerror(errno) + "): is the vser driver loaded?";
}

std::vector<std::string> line_kinds() {
    if (why_no_vser().empty()) return {"pty", "sim", "vser"};
    return {"pty", "sim"};
}

std::unique_ptr<LineRig> make_rig(const std::string& kind) {
    if (kind == "pty") return std::make_unique<PtyRig>();
    return std::make_unique<LoopRig>(kind == "sim" ? "sim:echo" : vser_node);
}

}  // namespace vserd::line
