#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "app/cli/console.h"
#include "engine/sparsifiers/options.h"

namespace lacuna::cli {

/// Declared options for people: a table of names, defaults, values and meanings.
std::string options_text(std::span<const OptionSpec> specs, const Console& console);
/// The same for scripts: an array of objects.
nlohmann::ordered_json options_json(std::span<const OptionSpec> specs);

}  // namespace lacuna::cli
