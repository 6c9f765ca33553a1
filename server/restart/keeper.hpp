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
#include "restart/state_folder.hpp"

namespace vserd::restart {

/// What a port begins with.
struct KeptPort {
    log::LogStoreRef store;  ///< null: nobody keeps its log
    base::Fd device;         ///< open since the process before
    bool goes_on = false;    ///< the log of the process before
    std::string complaint;   ///< why not, where one was there, or why nothing is kept
};

/// The log in a port's file of the folder.
struct FiledLog {
    KeptPort kept;
    std::string path;  ///< empty: there is no file
};

/// Keeps logs and open devices over the end of the process, however it comes: each log's memory is a file that the next
/// process maps, in a folder (`state_dir`) or, held by the fd store, in no folder; and the fd store has the open devices.
/// Io thread only.
class Keeper {
public:
    /// Whether a descriptor of that name comes from a Keeper.
    static bool owns(std::string_view name);

    /// `stored`: what the fd store gave back.
    Keeper(StateFolder folder, std::optional<FdStore> fd_store, std::vector<StoredFd> stored);

    /// The log of a port, from before where there is one that fits.
    KeptPort open(const port::PortConfig& config, std::size_t capacity_bytes);
    /// Opens the log of a port in the folder, or makes it, as open() would: a disk may be slow, so this runs on any thread, and
    /// open() takes what was handed over. Null: no folder is used.
    std::function<FiledLog()> file_opener(const log::LogIdentity& identity) const;
    void hand_over(const std::string& port, FiledLog log) { prepared_.insert_or_assign(port, std::move(log)); }
    void drop_prepared() noexcept { prepared_.clear(); }
    /// The file of a port is no more its own: to be removed. Empty: it had none.
    std::string release_file(const std::string& port);
    /// Removes files from now on.
    void set_remover(std::function<void(const std::string& path)> remover) { remover_ = std::move(remover); }

    void device_opened(const std::string& port, int fd);
    void device_lost(const std::string& port);
    /// Whether the fd store has the port's open device.
    bool keeps_device(const std::string& port) const;
    /// The port was removed.
    void drop(const std::string& port);
    /// When all configured ports have been opened: lets go of what belongs to none of them, and says what that was.
    std::vector<std::string> drop_unclaimed();
    StateFolder& folder() noexcept { return folder_; }

private:
    struct Left {
        unsigned number = 0;
        base::Fd log;
        base::Fd device;
    };
    struct Entry {
        std::optional<unsigned> number;  ///< in the fd store
        bool device = false;             ///< is there, too
        std::string path;                ///< of the log's file in the folder
    };

    struct Folder {
        std::string path;
        std::string problem;
        bool whole = false;

        std::string file_of(const std::string& port) const;
        FiledLog open(const log::LogIdentity& identity) const;
    };

    Folder where() const { return {folder_.path(), folder_.problem(), folder_.is_whole()}; }
    void remove_file(const std::string& path);
    log::LogStoreRef take_left(const log::LogIdentity& identity, KeptPort& kept, Entry& entry);
    log::LogStoreRef in_folder(const log::LogIdentity& identity, log::LogStoreRef store, KeptPort& kept, Entry& entry);
    log::LogStoreRef open_file(const log::LogIdentity& identity, KeptPort& kept, Entry& entry);
    log::LogStoreRef make_memory_file(const log::LogIdentity& identity, KeptPort& kept) const;
    void store_log(Entry& entry, log::LogStore& store, bool stored_already);
    void drop_files(std::vector<std::string>& dropped);
    void remove_stored(unsigned number, bool device);

    StateFolder folder_;
    const std::optional<FdStore> fd_store_;
    std::map<std::string, Left> left_;  // by port
    std::vector<std::string> refused_;  // of which the port is not known
    std::set<unsigned> numbers_;        // in use in the fd store
    std::map<std::string, Entry> ports_;
    std::map<std::string, FiledLog> prepared_;
    std::function<void(const std::string&)> remover_;
};

}  // namespace vserd::restart
