#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "engine/base/progress.h"

namespace lacuna::cli {

/// Whoever read standard output has gone (`| head`): there is nothing left to do, and nobody to tell.
class OutputClosed : public std::exception {
  public:
    const char* what() const noexcept override { return "standard output was closed"; }
};

enum class Colour { plain, strong, faint, good, bad };

/// What standard output and standard error can show. Colours and progress are for terminals alone.
class Console {
  public:
    Console();  ///< asks the terminal and the environment (NO_COLOR, TERM, the locale)

    bool unicode() const { return unicode_; }  ///< block characters can be shown
    /// `text` in a colour if standard output takes colours.
    std::string coloured(std::string_view text, Colour colour) const;

    /// Writes to standard output. Throws Error(file) if it cannot be written, and OutputClosed.
    void print(std::string_view text) const;
    /// "error: LINE" to standard error.
    void print_error(std::string_view line) const;
    /// "note: LINE" to standard error.
    void print_note(std::string_view line) const;

    /// Reports into one line of standard error that is drawn over and over; silent where that is no terminal.
    Progress progress(CancelToken token) const;
    /// Takes the progress line away.
    void clear_progress() const;

  private:
    bool colours_ = false, error_colours_ = false, error_terminal_ = false, unicode_ = false;
};

/// A progress state in one line: "Pruning  45 %  1.2 of 2.7 GB  850 MB/s  2 s left".
std::string progress_text(const ProgressState& state);

}  // namespace lacuna::cli
