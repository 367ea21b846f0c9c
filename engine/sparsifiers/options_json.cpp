#include "engine/sparsifiers/options_json.h"

namespace lacuna {
namespace {

OptionValue option_of(const nlohmann::ordered_json& json) {
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_integer()) return json.get<int64_t>();
    if (json.is_number()) return json.get<double>();
    if (json.is_string()) return json.get<std::string>();
    return json.get<std::vector<int64_t>>();
}

}  // namespace

nlohmann::ordered_json json_of(const Options& options) {
    auto object = nlohmann::ordered_json::object();
    for (const auto& [name, value] : options.values())
        std::visit([&, &key = name](const auto& content) { object[key] = content; }, value);
    return object;
}

Options options_of(const nlohmann::ordered_json& json) {
    Options options;
    for (const auto& [name, value] : json.get_ref<const nlohmann::ordered_json::object_t&>())
        options.set(name, option_of(value));
    return options;
}

}  // namespace lacuna
