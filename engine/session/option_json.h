#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/sparsifiers/options.h"

namespace lacuna {

/// Options as one JSON object.
std::string to_json(const Options& options);
/// The reverse, checked against `specs` but for the ranges, which states from Python may leave. Throws
/// Error(argument) for what no such options are.
Options options_from(std::string_view json, std::span<const OptionSpec> specs);

/// A list of strings as JSON, and back. Throws Error(argument) if it is none.
std::string to_json(const std::vector<std::string>& texts);
std::vector<std::string> texts_from(std::string_view json);
/// The objects of a JSON list, each as JSON. Throws Error(argument) if it is none.
std::vector<std::string> items_from(std::string_view json);

}  // namespace lacuna
