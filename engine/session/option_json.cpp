#include "engine/session/option_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace lacuna {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& what) {
    throw Error(ErrorKind::argument, "", what);
}

Json parsed_json(std::string_view text, Json::value_t type) {
    Json json = Json::parse(text, nullptr, false);
    if (json.type() != type) refuse("JSON of another kind was expected");
    return json;
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

OptionValue value_from(const Json& json) {
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_integer()) return json.get<int64_t>();
    if (json.is_number_float()) return json.get<double>();
    if (json.is_string()) return json.get<std::string>();
    const auto whole = [](const Json& side) { return side.is_number_integer(); };
    if (!json.is_array() || !std::all_of(json.begin(), json.end(), whole)) refuse("an option is no value of one");
    return json.get<std::vector<int64_t>>();
}

}  // namespace

std::string to_json(const Options& options) {
    Json json = Json::object();
    for (const auto& [name, value] : options.values())
        json[name] = std::visit([](const auto& plain) { return Json(plain); }, value);
    return text_of(json);
}

Options options_from(std::string_view json, std::span<const OptionSpec> specs) {
    Options options;
    const Json object = parsed_json(json, Json::value_t::object);
    for (const auto& [name, value] : object.items()) {
        const auto spec =
            std::find_if(specs.begin(), specs.end(), [&](const OptionSpec& one) { return one.name == name; });
        if (spec == specs.end()) refuse("there is no option " + name);
        options.set(name, checked(without_range(*spec), value_from(value)));
    }
    return options;
}

std::string to_json(const std::vector<std::string>& texts) {
    return text_of(Json(texts));
}

std::vector<std::string> texts_from(std::string_view json) {
    std::vector<std::string> texts;
    for (const Json& item : parsed_json(json, Json::value_t::array)) {
        if (!item.is_string()) refuse("a list of names was expected");
        texts.push_back(item.get<std::string>());
    }
    return texts;
}

std::vector<std::string> items_from(std::string_view json) {
    std::vector<std::string> items;
    for (const Json& item : parsed_json(json, Json::value_t::array)) items.push_back(text_of(item));
    return items;
}

}  // namespace lacuna
