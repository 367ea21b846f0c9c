#include "engine/torch/libtorch_error.h"

#include <c10/util/Exception.h>

#include <string_view>

#include "engine/base/utf8.h"

namespace lacuna {
namespace {

constexpr size_t longest = 300;

std::string_view trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// TorchScript's interpreter puts the cause last, as Python does: "RuntimeError: mat1 and mat2 shapes cannot …".
std::string_view cause(std::string_view text) {
    for (size_t end = text.rfind("Error: "); end != text.npos && end > 0; end = text.rfind("Error: ", end - 1)) {
        const size_t line = text.rfind('\n', end) + 1;  // npos + 1 is 0: the text's first line
        if (text.substr(line, end - line).find(' ') == std::string_view::npos) return trimmed(text.substr(end + 7));
    }
    return trimmed(text);
}

}  // namespace

std::string brief(const std::exception& error) {
    const auto* libtorch = dynamic_cast<const c10::Error*>(&error);
    const std::string whole = libtorch ? libtorch->what_without_backtrace() : error.what();
    std::string_view line = cause(whole);
    line = trimmed(line.substr(0, line.find('\n')));
    std::string text(utf8_prefix(line, longest));
    return text.empty() ? "LibTorch gave no reason" : text;
}

}  // namespace lacuna
