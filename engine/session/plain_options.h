#pragma once

#include <optional>

#include "engine/formats/plain_value.h"
#include "engine/sparsifiers/options.h"

namespace lacuna {

/// A value of Python's as an option's; nothing for what no option can be, None among it.
std::optional<OptionValue> option_value(const PlainValue& value);
/// The reverse: a list of sides becomes a tuple, as Python's sparsifiers keep block shapes.
PlainValue plain_option(const OptionValue& value);

}  // namespace lacuna
