#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lacuna {

/// Several files that come into a folder together or not at all: written in a hidden folder inside it, then renamed one
/// after the other. A rename that fails takes back the ones before it. Without `commit` nothing is left behind.
class StagedFiles {
  public:
    /// `folder` is made if its parent exists. Throws Error(file).
    explicit StagedFiles(std::filesystem::path folder);
    ~StagedFiles();
    StagedFiles(const StagedFiles&) = delete;
    StagedFiles& operator=(const StagedFiles&) = delete;

    /// Where to write the file that will be `name` (relative to the folder).
    std::filesystem::path add(const std::string& name);
    std::filesystem::path staged(const std::string& name) const { return stage_ / name; }
    std::filesystem::path target(const std::string& name) const { return folder_ / name; }
    /// Brings the files to disk and renames them in the order added. Throws Error(file).
    void commit();

  private:
    std::filesystem::path folder_, stage_;
    bool made_folder_ = false;
    std::vector<std::string> names_;
};

}  // namespace lacuna
