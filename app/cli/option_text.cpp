#include "app/cli/option_text.h"

#include "app/cli/table.h"

namespace lacuna::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string type_name(OptionType type) {
    switch (type) {
        case OptionType::number:
            return "number";
        case OptionType::integer:
            return "integer";
        case OptionType::boolean:
            return "boolean";
        case OptionType::choice:
            return "choice";
        case OptionType::block_shape:
            return "block shape";
        case OptionType::formula:
            return "formula";
    }
    return {};
}

bool has_range(const OptionSpec& spec) {
    return spec.type == OptionType::number || spec.type == OptionType::integer || spec.type == OptionType::block_shape;
}

Json to_json(const OptionSpec& spec) {
    Json json{{"name", spec.name}, {"type", type_name(spec.type)}, {"help", spec.help}};
    if (spec.default_value)
        json["default"] = std::visit([](const auto& value) { return Json(value); }, *spec.default_value);
    else
        json["default_text"] = spec.default_text;
    if (has_range(spec)) {
        json["minimum"] = spec.minimum;
        json["maximum"] = spec.maximum;
    }
    if (spec.type == OptionType::choice) json["choices"] = spec.choices;
    if (spec.type == OptionType::formula) json["variable"] = spec.variable;
    return json;
}

/// The values that an option takes, in few words.
std::string values_text(const OptionSpec& spec) {
    if (spec.type == OptionType::boolean) return "true or false";
    if (spec.type == OptionType::formula) return "formula in " + spec.variable;
    std::string choices;
    for (const std::string& choice : spec.choices) choices += (choices.empty() ? "" : ", ") + choice;
    if (spec.type == OptionType::choice) return choices;
    const std::string range = to_string(OptionValue(spec.minimum)) + " to " + to_string(OptionValue(spec.maximum));
    return type_name(spec.type) + ", " + range;
}

}  // namespace

std::string options_text(std::span<const OptionSpec> specs, const Console& console) {
    Table table({{"  option", Table::Align::left, Colour::good}, {"default"}, {"values"}, {"meaning"}});
    for (const OptionSpec& spec : specs)
        table.add({"  " + spec.name, spec.default_value ? to_string(*spec.default_value) : spec.default_text,
                   values_text(spec), spec.help});
    return table.text(console);
}

Json options_json(std::span<const OptionSpec> specs) {
    Json json = Json::array();
    for (const OptionSpec& spec : specs) json.push_back(to_json(spec));
    return json;
}

}  // namespace lacuna::cli
