#include "engine/sparsifiers/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/base/error.h"
#include "engine/base/formula.h"
#include "engine/base/nearest.h"

namespace lacuna {
namespace {

std::string text_of(double number) {
    if (std::isnan(number)) return ".nan";
    if (std::isinf(number)) return number < 0 ? "-.inf" : ".inf";
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
    return std::string(buffer, end);
}

[[noreturn]] void refuse(const OptionSpec& spec, const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::argument, spec.name, what, hint);
}

std::string span_of(const OptionSpec& spec) {
    return "between " + text_of(spec.minimum) + " and " + text_of(spec.maximum);
}

void demand_in_range(const OptionSpec& spec, double number) {
    if (number >= spec.minimum && number <= spec.maximum) return;
    refuse(spec, text_of(number) + " is not " + span_of(spec), "give a number " + span_of(spec));
}

OptionValue checked_number(const OptionSpec& spec, const OptionValue& value) {
    double number = 0;
    if (const auto* real = std::get_if<double>(&value))
        number = *real;
    else if (const auto* whole = std::get_if<int64_t>(&value))
        number = double(*whole);
    else
        refuse(spec, to_string(value) + " is not a number", "give a number " + span_of(spec));
    if (!std::isfinite(number)) refuse(spec, text_of(number) + " is not finite", "give a number " + span_of(spec));
    demand_in_range(spec, number);
    return number;
}

OptionValue checked_integer(const OptionSpec& spec, const OptionValue& value) {
    constexpr double too_large = 9.2e18;  // past int64
    const std::string hint = "give a whole number " + span_of(spec);
    int64_t number = 0;
    if (const auto* whole = std::get_if<int64_t>(&value)) {
        number = *whole;
    } else if (const auto* real = std::get_if<double>(&value)) {
        if (!std::isfinite(*real) || *real != std::floor(*real) || std::abs(*real) > too_large)
            refuse(spec, text_of(*real) + " is not a whole number", hint);
        number = int64_t(*real);
    } else {
        refuse(spec, to_string(value) + " is not a whole number", hint);
    }
    demand_in_range(spec, double(number));
    return number;
}

OptionValue checked_choice(const OptionSpec& spec, const OptionValue& value) {
    const std::string given = to_string(value);  // 2 and 2.0 both read "2"
    std::string known;
    for (const auto& choice : spec.choices) {
        if (choice == given && !std::holds_alternative<std::vector<int64_t>>(value)) return choice;
        known += (known.empty() ? "" : ", ") + choice;
    }
    refuse(spec, given + " is not one of " + known, "choose one of " + known);
}

OptionValue checked_formula(const OptionSpec& spec, const OptionValue& value) {
    const bool number = std::holds_alternative<double>(value) || std::holds_alternative<int64_t>(value);
    if (!number && !std::holds_alternative<std::string>(value))
        refuse(spec, to_string(value) + " is no formula", "give a formula in " + spec.variable);
    const std::string text = to_string(value);
    try {
        Formula(text, spec.variable);
    } catch (const Error& error) {
        refuse(spec, error.problem(), error.hint());
    }
    return text;
}

OptionValue checked_block(const OptionSpec& spec, const OptionValue& value) {
    const std::string hint = "give rows and columns of a block, such as [1, 4]";
    const auto* sides = std::get_if<std::vector<int64_t>>(&value);
    if (!sides || sides->size() != 2) refuse(spec, to_string(value) + " is not a pair of whole numbers", hint);
    for (const int64_t side : *sides)
        if (double(side) < spec.minimum || double(side) > spec.maximum)
            refuse(spec, to_string(value) + " has a side that is not " + span_of(spec), hint);
    return value;
}

template <typename T>
std::optional<T> number_of(std::string_view text) {
    T number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// "1x4" or "1,4", brackets allowed, as whole numbers; the text itself where it is something else.
OptionValue block_from(std::string_view text) {
    std::vector<int64_t> sides;
    std::string_view rest = text;
    if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
    while (true) {
        const size_t end = rest.find_first_of("x,");
        std::string_view part = rest.substr(0, end);
        while (part.starts_with(' ')) part.remove_prefix(1);
        const auto side = number_of<int64_t>(part);
        if (!side) return std::string(text);
        sides.push_back(*side);
        if (end == rest.npos) return sides;
        rest.remove_prefix(end + 1);
    }
}

template <typename T>
const T& get(const std::map<std::string, OptionValue, std::less<>>& values, std::string_view name) {
    const auto found = values.find(name);
    if (found == values.end()) throw std::logic_error("no value for option " + std::string(name));
    if (const auto* value = std::get_if<T>(&found->second)) return *value;
    throw std::logic_error("option " + std::string(name) + " has another type");
}

}  // namespace

void Options::erase(std::string_view name) {
    if (const auto found = values_.find(name); found != values_.end()) values_.erase(found);
}

double Options::number(std::string_view name) const {
    const auto found = values_.find(name);
    if (found != values_.end())
        if (const auto* whole = std::get_if<int64_t>(&found->second)) return double(*whole);
    return get<double>(values_, name);
}

int64_t Options::integer(std::string_view name) const {
    return get<int64_t>(values_, name);
}

bool Options::boolean(std::string_view name) const {
    return get<bool>(values_, name);
}

const std::string& Options::choice(std::string_view name) const {
    return get<std::string>(values_, name);
}

const std::vector<int64_t>& Options::block(std::string_view name) const {
    return get<std::vector<int64_t>>(values_, name);
}

OptionValue checked(const OptionSpec& spec, const OptionValue& value) {
    switch (spec.type) {
        case OptionType::number:
            return checked_number(spec, value);
        case OptionType::integer:
            return checked_integer(spec, value);
        case OptionType::choice:
            return checked_choice(spec, value);
        case OptionType::block_shape:
            return checked_block(spec, value);
        case OptionType::formula:
            return checked_formula(spec, value);
        case OptionType::boolean:
            break;
    }
    if (!std::holds_alternative<bool>(value))
        refuse(spec, to_string(value) + " is neither true nor false", "give true or false");
    return value;
}

OptionValue parsed(const OptionSpec& spec, std::string_view text) {
    if (spec.type == OptionType::block_shape) return checked(spec, block_from(text));
    if (spec.type == OptionType::boolean && (text == "true" || text == "false")) return text == "true";
    if (spec.type == OptionType::integer || spec.type == OptionType::number) {
        if (const auto whole = number_of<int64_t>(text)) return checked(spec, *whole);
        if (const auto real = number_of<double>(text)) return checked(spec, *real);
    }
    return checked(spec, std::string(text));
}

Options completed(std::span<const OptionSpec> specs, const Options& given, const std::string& owner) {
    Options full;
    for (const auto& [name, value] : given.values()) {
        const auto spec =
            std::find_if(specs.begin(), specs.end(), [&key = name](const auto& one) { return one.name == key; });
        if (spec == specs.end()) {
            std::vector<std::string> known;
            for (const auto& one : specs) known.push_back(one.name);
            throw Error(ErrorKind::argument, name, owner + " has no such option", suggestion(name, known));
        }
        full.set(name, checked(*spec, value));
    }
    for (const auto& spec : specs)
        if (!full.has(spec.name) && spec.default_value) full.set(spec.name, *spec.default_value);
    return full;
}

OptionSpec without_range(OptionSpec spec) {
    if (spec.type != OptionType::number) return spec;
    spec.minimum = std::numeric_limits<double>::lowest();
    spec.maximum = std::numeric_limits<double>::max();
    return spec;
}

std::string to_string(const OptionValue& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* whole = std::get_if<int64_t>(&value)) return std::to_string(*whole);
    if (const auto* real = std::get_if<double>(&value)) return text_of(*real);
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    std::string list;
    for (const int64_t side : std::get<std::vector<int64_t>>(value))
        list += (list.empty() ? "" : ", ") + std::to_string(side);
    return "[" + list + "]";
}

}  // namespace lacuna
