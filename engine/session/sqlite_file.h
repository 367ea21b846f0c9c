#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace lacuna {

class SqliteFile;

/// One prepared statement. Columns and parameters count from 0. Every member throws Error as its file does.
class SqliteQuery {
  public:
    SqliteQuery(SqliteFile& file, std::string_view sql);

    SqliteQuery& bind(int parameter, int64_t value);
    SqliteQuery& bind(int parameter, std::optional<double> value);
    SqliteQuery& bind(int parameter, std::string_view text);             ///< must live until the statement ran
    SqliteQuery& bind(int parameter, std::span<const std::byte> bytes);  ///< likewise
    SqliteQuery& bind_null(int parameter);
    /// Runs a statement that gives no rows, and makes it ready to be bound and run again.
    void run();
    /// Goes to the next row; false: there is none.
    bool next();

    bool is_null(int column) const;
    // Error(format) where the column's value is of another type.
    int64_t integer(int column) const;
    int64_t integer(int column, int64_t least, int64_t most) const;  ///< and where it is out of range
    double real(int column) const;
    std::string_view text(int column) const;             ///< valid until the next row
    std::span<const std::byte> bytes(int column) const;  ///< likewise

  private:
    void check(int result) const;
    void demand(int column, int type) const;

    SqliteFile& file_;
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

/// An SQLite database that is written once from its beginning to its end, or only read.
class SqliteFile {
  public:
    /// Fills the empty file at `path` without a journal: whoever calls this renames it into place once it is whole.
    /// `name` stands in errors, which are Error(file).
    static SqliteFile write(const std::filesystem::path& path, std::string name);
    /// Reads a file that nobody vouches for: nothing in its schema is run. Throws Error(file) where there is no such
    /// file, and Error(format), as every query does, where it is broken.
    static SqliteFile read(const std::filesystem::path& path);

    void run(const char* sql);
    int64_t pragma(const char* name);
    /// Closes what was written. Throws Error(file).
    void close();

    const std::string& name() const { return name_; }
    [[noreturn]] void fail() const;                            ///< with what SQLite says
    [[noreturn]] void damaged(const std::string& what) const;  ///< Error(format)

  private:
    friend class SqliteQuery;
    SqliteFile(const std::string& uri, int flags, std::string name, bool reading);

    std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
    std::string name_;
    bool reading_;
};

/// Whether a file begins as SQLite's do; false too for one that cannot be read.
bool is_sqlite_file(const std::filesystem::path& path);

}  // namespace lacuna
