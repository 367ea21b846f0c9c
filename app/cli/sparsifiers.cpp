#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/table.h"
#include "app/cli/text.h"
#include "engine/sparsifiers/sparsifier.h"

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
    }
    return {};
}

bool has_range(const OptionSpec& spec) {
    return spec.type != OptionType::boolean && spec.type != OptionType::choice;
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
    return json;
}

Json to_json(const Sparsifier& rule) {
    Json json{{"name", rule.name()},
              {"title", rule.title()},
              {"help", rule.help()},
              {"source", rule.source()},
              {"options", Json::array()}};
    for (const OptionSpec& spec : rule.options()) json["options"].push_back(to_json(spec));
    return json;
}

/// The values that an option takes, in few words.
std::string values_text(const OptionSpec& spec) {
    if (spec.type == OptionType::boolean) return "true or false";
    std::string choices;
    for (const std::string& choice : spec.choices) choices += (choices.empty() ? "" : ", ") + choice;
    if (spec.type == OptionType::choice) return choices;
    const std::string range = to_string(OptionValue(spec.minimum)) + " to " + to_string(OptionValue(spec.maximum));
    return type_name(spec.type) + ", " + range;
}

std::string text_of(const Sparsifier& rule, const Console& console) {
    Table table({{"  option", Table::Align::left, Colour::good}, {"default"}, {"values"}, {"meaning"}});
    for (const OptionSpec& spec : rule.options())
        table.add({"  " + spec.name, spec.default_value ? to_string(*spec.default_value) : spec.default_text,
                   values_text(spec), spec.help});
    return console.coloured(rule.name(), Colour::strong) + "  (" + std::string(rule.source()) + ")\n  " +
           std::string(rule.help()) + "\n" + table.text(console);
}

}  // namespace

void run_sparsifiers(const SparsifiersArguments& arguments, const Console& console) {
    if (arguments.json) {
        Json all = Json::array();
        for (const Sparsifier* rule : sparsifiers()) all.push_back(to_json(*rule));
        return write_to(*arguments.json, Json{{"sparsifiers", all}}.dump(2) + "\n", {}, console);
    }
    std::string text;
    for (const Sparsifier* rule : sparsifiers()) text += (text.empty() ? "" : "\n") + text_of(*rule, console);
    console.print(text);
}

}  // namespace lacuna::cli
