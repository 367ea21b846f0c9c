#include "app/cli/console.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "app/cli/text.h"
#include "engine/base/error.h"

namespace lacuna::cli {
namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

bool locale_is_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const std::string locale = variable(name);
        if (!locale.empty())
            return locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    }
    return false;
}

const char* escape_of(Colour colour) {
    switch (colour) {
        case Colour::strong:
            return "\x1b[1m";
        case Colour::faint:
            return "\x1b[2m";
        case Colour::good:
            return "\x1b[36m";
        case Colour::bad:
            return "\x1b[1;31m";
        case Colour::plain:
            break;
    }
    return "";
}

void put_all(std::FILE* stream, std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stream);
    std::fflush(stream);
}

std::string amount(double value, const std::string& unit) {
    return unit == "B" ? bytes_text(value) : count_text(value) + " " + unit;
}

std::string time_text(double seconds) {
    const auto whole = int64_t(std::ceil(seconds));
    if (whole < 60) return std::to_string(whole) + " s";
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
}

}  // namespace

Console::Console() {
    const bool wanted = variable("NO_COLOR").empty() && variable("TERM") != "dumb";
    error_terminal_ = ::isatty(STDERR_FILENO) == 1 && variable("TERM") != "dumb";
    colours_ = wanted && ::isatty(STDOUT_FILENO) == 1;
    error_colours_ = wanted && error_terminal_;
    unicode_ = locale_is_utf8();
}

std::string Console::coloured(std::string_view text, Colour colour) const {
    if (!colours_ || colour == Colour::plain) return std::string(text);
    return escape_of(colour) + std::string(text) + "\x1b[0m";
}

void Console::print(std::string_view text) const {
    errno = 0;
    put_all(stdout, text);
    if (std::ferror(stdout) && errno == EPIPE) throw OutputClosed();
    if (std::ferror(stdout))
        throw Error(ErrorKind::file, "standard output", std::string("cannot be written (") + std::strerror(errno) + ")",
                    "check where it is sent to");
}

void Console::print_error(std::string_view line) const {
    clear_progress();
    const std::string head = error_colours_ ? std::string(escape_of(Colour::bad)) + "error:\x1b[0m " : "error: ";
    put_all(stderr, head + printable(line) + "\n");
}

void Console::print_note(std::string_view line) const {
    clear_progress();
    put_all(stderr, "note: " + printable(line) + "\n");
}

Progress Console::progress(CancelToken token) const {
    if (!error_terminal_) return Progress({}, std::move(token));
    return Progress([](const ProgressState& state) { put_all(stderr, "\r" + progress_text(state) + "\x1b[K"); },
                    std::move(token));
}

void Console::clear_progress() const {
    if (error_terminal_) put_all(stderr, "\r\x1b[K");
}

std::string progress_text(const ProgressState& state) {
    std::string text = state.stage;
    if (state.total > 0)
        text += "  " + std::to_string(int(100.0 * double(state.done) / double(state.total))) + " %  " +
                amount(double(state.done), state.unit == "B" ? "B" : "of") + " " + (state.unit == "B" ? "of " : "") +
                amount(double(state.total), state.unit);
    else
        text += "  " + amount(double(state.done), state.unit);
    if (state.per_second > 0) text += "  " + amount(state.per_second, state.unit) + "/s";
    if (state.seconds_left >= 0) text += "  " + time_text(state.seconds_left) + " left";
    return text;
}

}  // namespace lacuna::cli
