#include <algorithm>
#include <cctype>

#include "engine/session/recipe.h"

namespace lacuna {
namespace {

/// Text in double quotes, as YAML reads them.
std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) {
            constexpr const char* digits = "0123456789abcdef";
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// A word, or a whole number as it is written; "1e5" would come back as 100000 and "007" as 7.
bool stays_without_quotes(std::string_view text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
    if (text.empty() || !digit(text[0])) return !text.empty() && std::all_of(text.begin(), text.end(), plain);
    return std::all_of(text.begin(), text.end(), digit) && text.size() < 19 && (text[0] != '0' || text.size() == 1);
}

std::string option_text(const OptionValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    return text && !stays_without_quotes(*text) ? in_quotes(*text) : to_string(value);
}

void write_patterns(std::string& out, const std::string& key, const std::vector<std::string>& patterns) {
    out += key + ":";
    if (patterns.size() == 1) {
        out.append(" ").append(in_quotes(patterns[0])).append("\n");
        return;
    }
    out += "\n";
    for (const auto& pattern : patterns) out += "      - " + in_quotes(pattern) + "\n";
}

/// `head` begins the first line, `indent` the others.
void write_schedule(std::string& out, const RecipeSchedule& schedule, const std::string& head,
                    const std::string& indent) {
    out += head + "scheduler: " + schedule.scheduler + "\n";
    if (schedule.options.empty()) return;
    for (const auto& [name, value] : schedule.options.front().values()) {
        std::string list = option_text(value);
        for (size_t i = 1; i < schedule.options.size(); ++i)
            list += ", " + option_text(schedule.options[i].values().at(name));
        out += indent + name + ": " + (schedule.options.size() > 1 ? "[" + list + "]" : list) + "\n";
    }
}

}  // namespace

std::string to_yaml(const Recipe& recipe) {
    std::string out = "version: " + std::to_string(recipe.version) + "\ngroups:\n";
    for (const RecipeGroup& group : recipe.groups) {
        write_patterns(out, "  - layers", group.layers);
        if (!group.except.empty()) write_patterns(out, "    except", group.except);
        out += "    sparsifier: " + group.sparsifier + "\n";
        for (const auto& [name, value] : group.options.values())
            out += "    " + name + ": " + option_text(value) + "\n";
    }
    out += "steps: " + std::to_string(recipe.steps) + "\n";
    if (recipe.ties == Ties::aten) out += "ties: aten\n";
    if (!recipe.schedules.empty()) out += "schedule:\n";
    const bool one = recipe.schedules.size() == 1;
    for (const RecipeSchedule& schedule : recipe.schedules)
        write_schedule(out, schedule, one ? "  " : "  - ", one ? "  " : "    ");
    return out;
}

}  // namespace lacuna
