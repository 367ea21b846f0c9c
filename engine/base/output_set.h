#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/base/error.h"

namespace lacuna {

/// Files that take their places together or not at all. Each is written under its own name in a hidden folder beside
/// its target; `commit` moves all of them. Until then, and after any failure, the targets are as they were, and the
/// folders go with this object. A folder is locked while its program lives: one that is not is left over from a program
/// that was killed.
class OutputSet {
  public:
    OutputSet() = default;
    ~OutputSet();
    OutputSet(const OutputSet&) = delete;
    OutputSet& operator=(const OutputSet&) = delete;

    /// The folder in which `target` would be staged; a symbolic link is followed.
    static std::filesystem::path folder_of(const std::filesystem::path& target);
    /// Hidden folders that killed programs left in a folder of targets.
    static std::vector<std::filesystem::path> left_over(const std::filesystem::path& folder);
    /// Removes such a folder, unless another program has it by now.
    static void clear(const std::filesystem::path& staging);
    /// Takes over a folder that was left over, with what is in it: targets in `folder` are staged there. False if
    /// another program has it by now.
    bool adopt(const std::filesystem::path& folder, const std::filesystem::path& staging);
    /// From here on the hidden folders stay where they are unless `commit` succeeds, for another program to adopt.
    void keep() { keep_ = true; }

    /// A file that no target may replace: an input that is still in use.
    void protect(const std::filesystem::path& input);
    /// Where to write what shall become `target`. A symbolic link is followed. `make_folder`: if only the last part of
    /// the target's folder is missing, it is made. Throws Error(file) if the folder is missing or not writable, or the
    /// target is a folder, a device or a protected file.
    std::filesystem::path stage(const std::filesystem::path& target, bool make_folder = false);
    /// A further file that was written beside (or below) a staged one, e.g. a shard. Staged files are passed by.
    void add(const std::filesystem::path& written);
    /// Brings everything to disk and moves it into place, the last named first: whoever finds an index that was staged
    /// before its shards finds the shards too. Throws Error(file) after it has put back what it had replaced.
    void commit();
    /// An error in which staged paths are called by the names of their targets.
    Error restated(const Error& error) const;

  private:
    struct Folder {
        std::filesystem::path target, staging;
        bool made = false;
        int lock = -1;
    };
    struct Entry {
        std::filesystem::path staged, target;
        std::filesystem::path backup;  ///< the replaced file; empty: there was none
        bool moved = false;
    };
    const Folder& folder_for(const std::filesystem::path& parent, bool make);
    void check_target(const std::filesystem::path& target) const;
    void move_into_place(Entry& entry, size_t number);
    void undo() noexcept;

    std::vector<std::filesystem::path> protected_;
    std::vector<Folder> folders_;
    std::vector<Entry> entries_;
    bool keep_ = false;
    std::vector<std::filesystem::path> made_;  ///< folders that commit made for shards in subfolders
};

}  // namespace lacuna
