#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/base/progress.h"
#include "engine/session/document.h"
#include "engine/session/sqlite_file.h"

namespace lacuna {

/// A document that a person can go back to.
struct Moment {
    std::string label;     ///< of the edit that came after it; "" for the one that is worked on
    DocumentPtr document;  ///< all of one model
};

/// What a session file holds beside its moments.
struct SessionFacts {
    std::filesystem::path data;         ///< of the data that are open; empty: none are
    std::vector<std::string> selected;  ///< tensors that are selected in the window
    /// Of a copy that was kept against a crash: the file that the session is saved as, and what that has not got, in
    /// words.
    std::filesystem::path copy_of;
    std::string unsaved;
};

/// Writes a session: the last moment, the ones before it, oldest first, and where its model and data are. Renamed into
/// place. The file is an SQLite database (session_schema.h). Throws Error(file) and Cancelled.
void write_session(const std::vector<Moment>& moments, const SessionFacts& facts, const std::filesystem::path& path,
                   Progress& progress);

/// Whether a file may be a session, by how it begins.
inline bool is_session_file(const std::filesystem::path& path) {
    return is_sqlite_file(path);
}

/// What was read of the moments.
struct ReadSession {
    std::vector<Moment> moments;  ///< never empty; masks shown but not stepped are to be computed again
    std::string remark;  ///< how the model differs from the one that the session was saved on; empty: not at all
};

/// A session file that is being read. Whatever is in it, it gives one Error, and takes no more memory than
/// undo does.
class SessionReader {
  public:
    /// Reads where things are and nothing else. Throws Error(file), and Error(format) for a file that is no session, is
    /// of a newer version or broken.
    explicit SessionReader(const std::filesystem::path& path);

    const SessionFacts& facts() const { return facts_; }
    /// Where the model is: beside the session as it was, or where it was. If neither is a file, where it was.
    const std::filesystem::path& model() const { return model_; }
    /// Throws Error(format) for what is broken and for a model that the masks do not fit, and Cancelled.
    ReadSession read(const ModelPtr& model, Progress& progress);

  private:
    void demand_version();
    void read_facts();
    std::string fact_called(const std::string& name) const;
    std::filesystem::path place_of(const std::string& name) const;

    std::filesystem::path path_;
    SqliteFile file_;
    std::map<std::string, std::string> told_;
    SessionFacts facts_;
    std::filesystem::path model_;
};

}  // namespace lacuna
