#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

#include "engine/session/recipe.h"

namespace lacuna {

/// What a YAML text holds, told without keeping any of it.
struct YamlShape {
    bool too_large = false;       ///< it holds more than so many nodes
    RecipePlace second_document;  ///< where it begins; line 0 if there is none
};
/// Throws YAML::Exception.
YamlShape shape_of(const std::string& text, size_t most_nodes);
/// The line that a node stands on; none for one that is not there.
RecipePlace place_of(const YAML::Node& node);
/// What a node is, in the words of an error message.
std::string kind_of(const YAML::Node& node);
/// A scalar's value by YAML's core schema; what stands in quotes is text.
OptionValue scalar_value(const YAML::Node& node);
/// What a node gives for an option of this type: a scalar's value, or a list of whole numbers. Anything else becomes
/// words that no option takes, for the message that refuses them.
OptionValue option_value(const YAML::Node& node, OptionType type);

}  // namespace lacuna
