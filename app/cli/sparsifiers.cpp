#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/option_text.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::cli {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Sparsifier& rule) {
    Json json{{"name", rule.name()},
              {"title", rule.title()},
              {"help", rule.help()},
              {"source", rule.source()},
              {"spans_tensors", rule.spans_tensors()},
              {"needs_activations", rule.needs_activations()},
              {"options", options_json(rule.options())}};
    return json;
}

std::string text_of(const Sparsifier& rule, const Console& console) {
    std::string text = console.coloured(rule.name(), Colour::strong) + "  (" + std::string(rule.source()) + ")\n  " +
                       std::string(rule.help()) + "\n";
    if (rule.spans_tensors()) text += "  All tensors with equal options are pruned together.\n";
    if (rule.needs_activations()) text += "  Needs a calibration: prune --data or --activations.\n";
    return text + options_text(rule.options(), console);
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
