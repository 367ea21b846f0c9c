#pragma once

#include <string>

namespace lacuna {

/// The option of most rules that schedulers move and that a line in a histogram drags.
inline const std::string sparsity_level_option = "sparsity_level";

}  // namespace lacuna
