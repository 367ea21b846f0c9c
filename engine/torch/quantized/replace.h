#pragma once

#include <map>
#include <string>
#include <string_view>

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// Modules by the FQN of the place that they take.
using Replacements = std::map<std::string, torch::jit::Module, std::less<>>;

/// A copy of `root` in which each named module is another one. A TorchScript class names the classes of its members, so
/// every module above a replaced one gets a class of its own, with its methods, hooks and constants; the rest is shared
/// with `root`, tensors included. A module that has several names is replaced under all of them. `root` stays as it is.
/// A replacement needs the methods that the model calls; hooks of the module that it replaces go over to it.
/// Throws Error(argument), naming the place, for a module that does not exist, for the root, and where the model does
/// with a replaced module what the replacement cannot do (reads its weight itself, keeps it behind an interface).
torch::jit::Module replaced(const torch::jit::Module& root, const Replacements& replacements);

/// Why `replaced` would refuse to put `replacement` in the place called `fqn`; empty if it would not.
std::string why_not_replaced(const torch::jit::Module& root, const std::string& fqn,
                             const torch::jit::Module& replacement);

}  // namespace lacuna
