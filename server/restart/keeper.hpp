#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "log/log_store.hpp"
#include "port/port.hpp"
#include "restart/fd_store.hpp"
#include "restart/state_directory.hpp"

namespace vserd::restart {

/// The log and device of a port at start.
struct KeptPort {
    log::LogStoreRef store;  ///< null: the log is not kept
    base::Fd device;         ///< still open from the previous process
    bool resumed = false;    ///< `store` has the log of the previous process
    std::string warning;     ///< why an existing log was not resumed, or why the log is not kept
};

/// A port's log in its file in the state directory.
struct FiledLog {
    KeptPort kept;
    std::string path;  ///< empty: there is no file
};

/// Keeps logs and open devices for the next process, however this one ends. Each log's memory is a file that the next process
/// maps: in `state_dir`, or a memory file in the fd store. The fd store also holds the open devices. Io thread only.
class Keeper {
public:
    /// Whether a Keeper stored the descriptor with that name.
    static bool owns(std::string_view name);

    /// `stored`: the descriptors that the fd store returned.
    Keeper(StateDirectory directory, std::optional<FdStore> fd_store, std::vector<StoredFd> stored);

    /// Resumes a port's log, or creates a new one if there is none or it does not match.
    KeptPort open(const port::PortConfig& config, std::size_t capacity_bytes);
    /// Returns a function that opens or creates a port's log in the state directory. The disk may be slow, so the function runs
    /// on any thread, and hand_over() passes its result to open(). Null if there is no state directory.
    std::function<FiledLog()> file_opener(const log::LogIdentity& identity) const;
    void hand_over(const std::string& port, FiledLog log) { prepared_.insert_or_assign(port, std::move(log)); }
    void drop_prepared() noexcept { prepared_.clear(); }
    /// Detaches a port from its file. The caller removes the file. Returns an empty path if there is none.
    std::string release_file(const std::string& port);
    /// Sets the function that removes files from now on.
    void set_remover(std::function<void(const std::string& path)> remover) { remover_ = std::move(remover); }

    void device_opened(const std::string& port, int fd);
    void device_lost(const std::string& port);
    /// Whether the fd store has the port's open device.
    bool keeps_device(const std::string& port) const;
    /// The port was removed.
    void drop(const std::string& port);
    /// Discards everything that belongs to no configured port, and returns a message for each. Call it after all configured
    /// ports were opened.
    std::vector<std::string> drop_unclaimed();
    StateDirectory& directory() noexcept { return directory_; }

private:
    struct Unclaimed {
        unsigned number = 0;
        base::Fd log;
        base::Fd device;
    };
    struct Entry {
        std::optional<unsigned> number;  ///< in the fd store
        bool device = false;             ///< the fd store has the device too
        std::string path;                ///< of the log's file in the state directory
    };

    /// The state directory, for other threads.
    struct Directory {
        std::string path;
        std::string problem;
        bool clean = false;

        std::string file_of(const std::string& port) const;
        FiledLog open(const log::LogIdentity& identity) const;
    };

    Directory where() const { return {directory_.path(), directory_.problem(), directory_.is_clean()}; }
    void remove_file(const std::string& path);
    log::LogStoreRef claim(const log::LogIdentity& identity, KeptPort& kept, Entry& entry);
    log::LogStoreRef in_directory(const log::LogIdentity& identity, log::LogStoreRef store, KeptPort& kept,
                                  Entry& entry);
    log::LogStoreRef open_file(const log::LogIdentity& identity, KeptPort& kept, Entry& entry);
    log::LogStoreRef make_memory_file(const log::LogIdentity& identity, KeptPort& kept) const;
    void store_log(Entry& entry, log::LogStore& store, bool stored_already);
    void drop_files(std::vector<std::string>& dropped);
    void remove_stored(unsigned number, bool device);

    StateDirectory directory_;
    const std::optional<FdStore> fd_store_;
    std::map<std::string, Unclaimed> unclaimed_;  // by port
    std::vector<std::string> rejected_;           // messages about stored logs that cannot be used
    std::set<unsigned> numbers_;                  // in use in the fd store
    std::map<std::string, Entry> ports_;
    std::map<std::string, FiledLog> prepared_;
    std::function<void(const std::string&)> remover_;
};

}  // namespace vserd::restart
