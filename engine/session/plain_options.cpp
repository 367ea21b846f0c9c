#include "engine/session/plain_options.h"

namespace lacuna {

std::optional<OptionValue> option_value(const PlainValue& value) {
    using Kind = PlainValue::Kind;
    switch (value.kind) {
        case Kind::boolean:
            return OptionValue(value.integer != 0);
        case Kind::integer:
            return OptionValue(value.integer);
        case Kind::real:
            return OptionValue(value.real);
        case Kind::text:
            return OptionValue(value.text);
        case Kind::list:
        case Kind::tuple: {
            std::vector<int64_t> sides;
            for (const PlainValue& item : value.items) {
                if (item.kind != Kind::integer) return std::nullopt;
                sides.push_back(item.integer);
            }
            return OptionValue(std::move(sides));
        }
        default:
            return std::nullopt;
    }
}

PlainValue plain_option(const OptionValue& value) {
    if (const auto* sides = std::get_if<std::vector<int64_t>>(&value)) return PlainValue::tuple_of(*sides);
    if (const auto* number = std::get_if<double>(&value)) return PlainValue::of(*number);
    if (const auto* whole = std::get_if<int64_t>(&value)) return PlainValue::of(*whole);
    if (const auto* yes = std::get_if<bool>(&value)) return PlainValue::of(*yes);
    return PlainValue::of(std::get<std::string>(value));
}

}  // namespace lacuna
