#include "sim/sim_boot_log.hpp"

#include <array>

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::array boot_lines = {
    BootLine{milliseconds(0), "[    0.000000] Booting simboard on physical CPU 0x0"},
    BootLine{milliseconds(0), "[    0.000000] Machine model: vserd simulated board, revision 2"},
    BootLine{milliseconds(0), "[    0.000000] Memory: 62436K/65536K available (2048K kernel code, 412K rwdata)"},
    BootLine{milliseconds(0), "[    0.000000] Kernel command line: console=ttyS0,115200n8 root=/dev/mmcblk0p2 ro"},
    BootLine{milliseconds(20),
             "[    0.000214] sched_clock: 56 bits at 50MHz, resolution 20ns, wraps every 4398046511100ns"},
    BootLine{milliseconds(10), "[    0.010877] Calibrating delay loop... 99.32 BogoMIPS (lpj=496640)"},
    BootLine{milliseconds(10), "[    0.022415] CPU: Testing write buffer coherency: ok"},
    BootLine{milliseconds(30), "[    0.051902] pinctrl core: initialized pinctrl subsystem"},
    BootLine{milliseconds(10), "[    0.064308] NET: Registered PF_NETLINK/PF_ROUTE protocol family"},
    BootLine{
        milliseconds(60),
        "[    0.127745] serial 10009000.uart: ttyS0 at MMIO 0x10009000 (irq = 21, base_baud = 3000000) is a 16550A"},
    BootLine{milliseconds(20), "[    0.149120] printk: console [ttyS0] enabled"},
    BootLine{milliseconds(90), "[    0.238036] mmc0: new high speed SDHC card at address aaaa"},
    BootLine{milliseconds(20), "[    0.256681] mmcblk0: mmc0:aaaa SL16G 14.8 GiB"},
    BootLine{milliseconds(10), "[    0.262954]  mmcblk0: p1 p2 p3"},
    BootLine{milliseconds(60), "[    0.321500] i2c /dev entries driver"},
    BootLine{milliseconds(20), "[    0.339877] rtc-pcf8563 0-0051: registered as rtc0"},
    BootLine{milliseconds(40), "[    0.378842] watchdog: sim-wdt: heartbeat 30 s"},
    BootLine{milliseconds(110), "[    0.490433] eth0: PHY [mdio-0:01] driver [Generic PHY], link up, 100Mbps/Full"},
    BootLine{milliseconds(50), "[    0.541296] EXT4-fs (mmcblk0p2): mounted filesystem with ordered data mode"},
    BootLine{milliseconds(10), "[    0.549871] VFS: Mounted root (ext4 filesystem) readonly on device 179:2"},
    BootLine{milliseconds(10), "[    0.560225] Run /sbin/init as init process"},
    BootLine{milliseconds(120), "init: starting system logger: OK"},
    BootLine{milliseconds(70), "init: starting network: OK"},
    BootLine{milliseconds(90), "init: starting sensors: OK"},
    BootLine{milliseconds(40), ""},
    BootLine{milliseconds(0), "simboard: this is a simulation; `help` lists what it can do"},
};
constexpr std::size_t user_lines = 5;

}  // namespace

std::span<const BootLine> sim_boot_log() { return boot_lines; }

std::size_t sim_boot_log_user_lines() { return user_lines; }

}  // namespace vserd::sim
