#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/option_text.h"
#include "app/cli/table.h"
#include "engine/model/conversion.h"
#include "engine/schedulers/schedule.h"
#include "engine/session/recipe_keys.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::cli {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Sparsifier& rule) {
    return {{"name", rule.name()},
            {"title", rule.title()},
            {"help", rule.help()},
            {"source", rule.source()},
            {"spans_tensors", rule.spans_tensors()},
            {"needs_activations", rule.needs_activations()},
            {"options", options_json(rule.options())}};
}

Json json_of(const Schedule& one) {
    return {{"name", one.name()},
            {"title", one.title()},
            {"help", one.help()},
            {"source", one.source()},
            {"options", options_json(one.options())}};
}

Json json_of(const Conversion& conversion) {
    return {{"name", conversion.name},
            {"title", conversion.title},
            {"help", conversion.help},
            {"needs_data", conversion.needs_data},
            {"options", options_json(conversion.options)}};
}

Json json_of(const RecipeKey& key) {
    return {{"name", key.name}, {"values", key.values}, {"default", key.otherwise}, {"help", key.help}};
}

std::string head_of(std::string_view name, std::string_view source, std::string_view help, const Console& console) {
    return console.coloured(name, Colour::strong) + (source.empty() ? "" : "  (" + std::string(source) + ")") + "\n  " +
           std::string(help) + "\n";
}

std::string text_of(const Sparsifier& rule, const Console& console) {
    std::string text = head_of(rule.name(), rule.source(), rule.help(), console);
    if (rule.spans_tensors()) text += "  All tensors with equal options are pruned together.\n";
    if (rule.needs_activations()) text += "  Needs a calibration: prune --data or --activations.\n";
    return text + options_text(rule.options(), console);
}

std::string text_of(const Schedule& one, const Console& console) {
    return head_of(one.name(), one.source(), one.help(), console) + options_text(one.options(), console);
}

std::string text_of(const Conversion& one, const Console& console) {
    return head_of(one.name, "", one.help, console) + (one.options.empty() ? "" : options_text(one.options, console));
}

template <class List>
Json all_json(const List& list) {
    Json all = Json::array();
    for (const auto* one : list) all.push_back(json_of(*one));
    return all;
}

template <class List>
std::string all_text(const List& list, const Console& console) {
    std::string text;
    for (const auto* one : list) text += (text.empty() ? "" : "\n") + text_of(*one, console);
    return text;
}

Json keys_json(std::span<const RecipeKey> keys) {
    Json all = Json::array();
    for (const RecipeKey& key : keys) all.push_back(json_of(key));
    return all;
}

std::string keys_text(const std::string& title, std::span<const RecipeKey> keys, const Console& console) {
    Table table({{"  key", Table::Align::left, Colour::good}, {"default"}, {"values"}, {"meaning"}});
    for (const RecipeKey& key : keys) table.add({"  " + key.name, key.otherwise, key.values, key.help});
    return console.coloured(title, Colour::strong) + "\n" + table.text(console) + "\n";
}

Json recipe_json() {
    return {{"recipe", keys_json(recipe_keys())},
            {"group", keys_json(group_keys())},
            {"schedule", keys_json(schedule_keys())},
            {"sparsifiers", all_json(sparsifiers())},
            {"schedulers", all_json(schedules())}};
}

std::string recipe_text(const Console& console) {
    return "A recipe is a YAML file (JSON will do) that says what to prune and how, such as\n\n"
           "  version: 1\n"
           "  groups:\n"
           "    - layers: \"*\"\n"
           "      except: [\"head.*\"]\n"
           "      sparsifier: weight_norm\n"
           "      sparsity_level: 0.8\n"
           "  steps: 10\n"
           "  schedule: {scheduler: cubic, total_t: 10}\n\n" +
           keys_text("At the top", recipe_keys(), console) + keys_text("In a group", group_keys(), console) +
           keys_text("In a schedule", schedule_keys(), console) +
           console.coloured("Sparsifiers and their options", Colour::strong) + "\n\n" +
           all_text(sparsifiers(), console) + "\n" + console.coloured("Schedulers and their options", Colour::strong) +
           "\n\n" + all_text(schedules(), console);
}

Json json_of(ListArguments::What what) {
    switch (what) {
        case ListArguments::What::recipe:
            return recipe_json();
        case ListArguments::What::sparsifiers:
            return {{"sparsifiers", all_json(sparsifiers())}};
        case ListArguments::What::schedulers:
            return {{"schedulers", all_json(schedules())}};
        case ListArguments::What::conversions:
            return {{"conversions", all_json(conversions())}};
    }
    return {};
}

std::string text_of(ListArguments::What what, const Console& console) {
    switch (what) {
        case ListArguments::What::recipe:
            return recipe_text(console);
        case ListArguments::What::sparsifiers:
            return all_text(sparsifiers(), console);
        case ListArguments::What::schedulers:
            return all_text(schedules(), console);
        case ListArguments::What::conversions:
            return all_text(conversions(), console);
    }
    return {};
}

}  // namespace

void run_list(const ListArguments& arguments, const Console& console) {
    if (arguments.json) return write_to(*arguments.json, json_of(arguments.what).dump(2) + "\n", {}, console);
    console.print(text_of(arguments.what, console));
}

}  // namespace lacuna::cli
