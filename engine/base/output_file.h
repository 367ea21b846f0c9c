#pragma once

#include <filesystem>
#include <string_view>

namespace lacuna {

/// A file that comes into being whole or not at all: written under a temporary name beside its target, then renamed.
/// Unless committed, the temporary file goes with this object. A target that is a symbolic link is followed.
class OutputFile {
  public:
    /// Makes the empty temporary file. Throws Error(file) if the folder is missing or not writable, or the target is
    /// one.
    explicit OutputFile(const std::filesystem::path& target);
    ~OutputFile();
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;

    const std::filesystem::path& target() const { return target_; }
    const std::filesystem::path& temporary() const { return temporary_; }
    /// Brings the temporary file to disk and renames it over the target. Throws Error(file).
    void commit();

  private:
    std::filesystem::path target_, temporary_;
};

/// Replaces `target`'s content by `text`, whole or not at all. Throws Error(file).
void write_file(const std::filesystem::path& target, std::string_view text);

}  // namespace lacuna
