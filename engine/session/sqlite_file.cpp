#include "engine/session/sqlite_file.h"

#include <sqlite3.h>

#include <array>
#include <fstream>

#include "engine/base/error.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view magic{"SQLite format 3\0", 16};

/// `immutable`: no locks and no journal beside it, for the file was renamed into place whole.
std::string reading_uri(const fs::path& path) {
    std::string uri = "file:";
    for (const char c : fs::absolute(path).string()) {
        constexpr const char* digits = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(c);
        if (c == '%' || c == '?' || c == '#' || byte < 0x20)
            uri += {'%', digits[byte >> 4], digits[byte & 15]};
        else
            uri += c;
    }
    return uri + "?immutable=1";
}

/// The file may be anybody's: no triggers, views, functions or extensions of its schema, and no oversized page cells.
void distrust(sqlite3* database) {
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(database, SQLITE_LIMIT_SQL_LENGTH, 10'000);
    sqlite3_limit(database, SQLITE_LIMIT_COLUMN, 100);
}

}  // namespace

SqliteFile::SqliteFile(const std::string& uri, int flags, std::string name, bool reading)
    : database_(nullptr, sqlite3_close_v2), name_(std::move(name)), reading_(reading) {
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(uri.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(opened);
    if (result != SQLITE_OK) fail();
}

SqliteFile SqliteFile::write(const fs::path& path, std::string name) {
    SqliteFile file(path.string(), SQLITE_OPEN_READWRITE, std::move(name), false);
    file.run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;");
    return file;
}

SqliteFile SqliteFile::read(const fs::path& path) {
    if (!fs::exists(path))
        throw Error(ErrorKind::file, path.string(), "there is no such file", "check the name of the session");
    SqliteFile file(reading_uri(path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path.string(), true);
    distrust(file.database_.get());
    file.run("PRAGMA cell_size_check = ON;");
    return file;
}

void SqliteFile::run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

int64_t SqliteFile::pragma(const char* name) {
    SqliteQuery query(*this, std::string("PRAGMA ") + name);
    return query.next() ? query.integer(0) : 0;
}

void SqliteFile::close() {
    if (sqlite3_close(database_.get()) != SQLITE_OK) fail();
    (void)database_.release();
}

void SqliteFile::fail() const {
    const std::string reason = database_ ? sqlite3_errmsg(database_.get()) : "out of memory";
    if (reading_) damaged(reason);
    throw Error(ErrorKind::file, name_, "cannot be written (" + reason + ")", "check the room on its disk");
}

void SqliteFile::damaged(const std::string& what) const {
    throw Error(ErrorKind::format, name_, "is damaged: " + what, "take a copy of it, or an older session");
}

SqliteQuery::SqliteQuery(SqliteFile& file, std::string_view sql) : file_(file), statement_(nullptr, sqlite3_finalize) {
    sqlite3_stmt* made = nullptr;
    const int result = sqlite3_prepare_v2(file.database_.get(), sql.data(), int(sql.size()), &made, nullptr);
    statement_.reset(made);
    check(result);
}

void SqliteQuery::check(int result) const {
    if (result != SQLITE_OK) file_.fail();
}

SqliteQuery& SqliteQuery::bind(int parameter, int64_t value) {
    check(sqlite3_bind_int64(statement_.get(), parameter + 1, value));
    return *this;
}

SqliteQuery& SqliteQuery::bind(int parameter, std::optional<double> value) {
    if (!value) return bind_null(parameter);
    check(sqlite3_bind_double(statement_.get(), parameter + 1, *value));
    return *this;
}

SqliteQuery& SqliteQuery::bind(int parameter, std::string_view text) {
    check(sqlite3_bind_text64(statement_.get(), parameter + 1, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
    return *this;
}

SqliteQuery& SqliteQuery::bind(int parameter, std::span<const std::byte> bytes) {
    check(sqlite3_bind_blob64(statement_.get(), parameter + 1, bytes.data(), bytes.size(), SQLITE_STATIC));
    return *this;
}

SqliteQuery& SqliteQuery::bind_null(int parameter) {
    check(sqlite3_bind_null(statement_.get(), parameter + 1));
    return *this;
}

void SqliteQuery::run() {
    if (sqlite3_step(statement_.get()) != SQLITE_DONE) file_.fail();
    check(sqlite3_reset(statement_.get()));
    check(sqlite3_clear_bindings(statement_.get()));
}

bool SqliteQuery::next() {
    const int result = sqlite3_step(statement_.get());
    if (result != SQLITE_ROW && result != SQLITE_DONE) file_.fail();
    return result == SQLITE_ROW;
}

void SqliteQuery::demand(int column, int type) const {
    if (sqlite3_column_type(statement_.get(), column) != type)
        file_.damaged(std::string(sqlite3_column_name(statement_.get(), column)) + " is of another type");
}

bool SqliteQuery::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

int64_t SqliteQuery::integer(int column) const {
    demand(column, SQLITE_INTEGER);
    return sqlite3_column_int64(statement_.get(), column);
}

int64_t SqliteQuery::integer(int column, int64_t least, int64_t most) const {
    const int64_t value = integer(column);
    if (value < least || value > most)
        file_.damaged(std::string(sqlite3_column_name(statement_.get(), column)) + " is " + std::to_string(value));
    return value;
}

double SqliteQuery::real(int column) const {
    demand(column, SQLITE_FLOAT);
    return sqlite3_column_double(statement_.get(), column);
}

std::string_view SqliteQuery::text(int column) const {
    demand(column, SQLITE_TEXT);
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return {text, size_t(sqlite3_column_bytes(statement_.get(), column))};
}

std::span<const std::byte> SqliteQuery::bytes(int column) const {
    demand(column, SQLITE_BLOB);
    const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
    return {bytes, size_t(sqlite3_column_bytes(statement_.get(), column))};
}

bool is_sqlite_file(const fs::path& path) {
    std::array<char, magic.size()> head{};
    std::ifstream file(path, std::ios::binary);
    return file.read(head.data(), head.size()) && std::string_view(head.data(), head.size()) == magic;
}

}  // namespace lacuna
