#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace lacuna {

/// What kind of thing went wrong; programs map it to an exit status, the window to an icon.
enum class ErrorKind {
    file,      ///< the file system said no (missing, unreadable, disk full)
    format,    ///< a file's content is not what its format demands
    recipe,    ///< a recipe or one of its options is wrong
    argument,  ///< a caller passed a value out of range, or a name that does not exist
    state,     ///< the call came at the wrong time (squash twice, step before prepare)
    missing,   ///< something optional is not there (LibTorch, a GPU)
};

/// The one error type of the engine. `what()` is a single line: "WHERE: WHAT; HINT".
class Error : public std::runtime_error {
  public:
    /// `where` names the file, tensor or recipe line; `what` says what is wrong; `hint` what to do about it.
    /// `where` and `hint` may be empty. Line breaks inside the parts are turned into spaces.
    Error(ErrorKind kind, std::string where, std::string what, std::string hint = {});

    ErrorKind kind() const noexcept { return kind_; }
    const std::string& where() const noexcept { return where_; }
    const std::string& problem() const noexcept { return problem_; }
    const std::string& hint() const noexcept { return hint_; }

  private:
    ErrorKind kind_;
    std::string where_, problem_, hint_;
};

/// Thrown at a progress point after the job was cancelled. Not an Error: nothing went wrong.
class Cancelled : public std::exception {
  public:
    const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace lacuna
