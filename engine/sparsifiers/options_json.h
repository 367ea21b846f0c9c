#pragma once

#include <nlohmann/json.hpp>

#include "engine/sparsifiers/options.h"

namespace lacuna {

/// Options as a JSON object; numbers come back exactly, with their type.
nlohmann::ordered_json json_of(const Options& options);
/// Reads it back; nothing is checked against specs. Throws nlohmann's exceptions for what cannot be an option.
Options options_of(const nlohmann::ordered_json& json);

}  // namespace lacuna
