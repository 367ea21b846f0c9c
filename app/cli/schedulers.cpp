#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/option_text.h"
#include "engine/schedulers/schedule.h"

namespace lacuna::cli {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Schedule& one) {
    return {{"name", one.name()},
            {"title", one.title()},
            {"help", one.help()},
            {"source", one.source()},
            {"options", options_json(one.options())}};
}

std::string text_of(const Schedule& one, const Console& console) {
    return console.coloured(one.name(), Colour::strong) + "  (" + std::string(one.source()) + ")\n  " +
           std::string(one.help()) + "\n" + options_text(one.options(), console);
}

}  // namespace

void run_schedulers(const SchedulersArguments& arguments, const Console& console) {
    if (arguments.json) {
        Json all = Json::array();
        for (const Schedule* one : schedules()) all.push_back(to_json(*one));
        return write_to(*arguments.json, Json{{"schedulers", all}}.dump(2) + "\n", {}, console);
    }
    std::string text;
    for (const Schedule* one : schedules()) text += (text.empty() ? "" : "\n") + text_of(*one, console);
    console.print(text);
}

}  // namespace lacuna::cli
