#include "engine/formats/pickle_text.h"

#include <charconv>
#include <cstdint>

#include "engine/base/utf8.h"

namespace lacuna {
namespace {

void append_utf8(std::string& out, uint32_t code) {
    if (code < 0x80) {
        out += char(code);
    } else if (code < 0x800) {
        out += char(0xc0 | code >> 6);
        out += char(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        out += char(0xe0 | code >> 12);
        out += char(0x80 | (code >> 6 & 0x3f));
        out += char(0x80 | (code & 0x3f));
    } else {
        out += char(0xf0 | code >> 18);
        out += char(0x80 | (code >> 12 & 0x3f));
        out += char(0x80 | (code >> 6 & 0x3f));
        out += char(0x80 | (code & 0x3f));
    }
}

std::optional<uint32_t> hex(std::string_view text, size_t at, size_t digits) {
    if (at + digits > text.size()) return std::nullopt;
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + digits, value, 16);
    if (error != std::errc() || end != text.data() + at + digits || value > 0x10ffff) return std::nullopt;
    return value;
}

}  // namespace

std::optional<std::string> unquote_python(std::string_view repr) {
    if (repr.size() < 2 || repr.front() != repr.back() || (repr.front() != '\'' && repr.front() != '"'))
        return std::nullopt;
    repr = repr.substr(1, repr.size() - 2);
    constexpr std::string_view letters = "\\'\"nrtabfv", meanings = "\\'\"\n\r\t\a\b\f\v";
    std::string out;
    for (size_t i = 0; i < repr.size(); ++i) {
        if (repr[i] != '\\') {
            out += repr[i];
            continue;
        }
        if (++i == repr.size()) return std::nullopt;
        if (const size_t which = letters.find(repr[i]); which != std::string_view::npos) {
            out += meanings[which];
        } else if (repr[i] == 'x') {
            const auto code = hex(repr, i + 1, 2);
            if (!code) return std::nullopt;
            out += char(*code);
            i += 2;
        } else {
            out += '\\';
            out += repr[i];
        }
    }
    return out;
}

std::optional<std::string> decode_raw_unicode(std::string_view escaped) {
    std::string out;
    for (size_t i = 0; i < escaped.size(); ++i) {
        const char next = i + 1 < escaped.size() ? escaped[i + 1] : '\0';
        if (escaped[i] == '\\' && (next == 'u' || next == 'U')) {
            const size_t digits = next == 'u' ? 4 : 8;
            const auto code = hex(escaped, i + 2, digits);
            if (!code) return std::nullopt;
            append_utf8(out, *code);
            i += 1 + digits;
        } else {
            append_utf8(out, uint8_t(escaped[i]));
        }
    }
    return out;
}

std::string valid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
        const size_t length = utf8_length(text.substr(i));
        if (length)
            out += text.substr(i, length);
        else
            out += "\xef\xbf\xbd";
        i += length ? length : 1;
    }
    return out;
}

}  // namespace lacuna
