#pragma once

#include <string_view>

namespace lacuna {

/// Whether a TorchScript method is its module's forward: "forward", or what a trace calls further uses of the same
/// module ("forward1", "forward2", …).
bool is_forward(std::string_view method);

}  // namespace lacuna
