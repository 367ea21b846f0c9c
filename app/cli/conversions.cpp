#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/option_text.h"
#include "engine/model/conversion.h"

namespace lacuna::cli {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Conversion& conversion) {
    return {{"name", conversion.name},
            {"title", conversion.title},
            {"help", conversion.help},
            {"needs_data", conversion.needs_data},
            {"options", options_json(conversion.options)}};
}

}  // namespace

void run_conversions(const ConversionsArguments& arguments, const Console& console) {
    if (arguments.json) {
        Json all = Json::array();
        for (const Conversion* one : conversions()) all.push_back(to_json(*one));
        return write_to(*arguments.json, Json{{"conversions", all}}.dump(2) + "\n", {}, console);
    }
    std::string text;
    for (const Conversion* one : conversions()) {
        text += (text.empty() ? "" : "\n") + console.coloured(one->name, Colour::strong) + "\n  " + one->help + "\n";
        if (!one->options.empty()) text += options_text(one->options, console);
    }
    console.print(text);
}

}  // namespace lacuna::cli
