#pragma once

#include <functional>
#include <optional>

#include "engine/formats/tensor_names.h"

namespace lacuna {

/// Gives the source of a TorchScript code file ("code/__torch__/torch/nn/modules/conv.py"), or nothing.
using CodeReader = std::function<std::optional<std::string_view>(const std::string& path)>;

/// Names the tensors of a TorchScript archive's data.pkl as named_parameters() and named_buffers() do, depth first in
/// the order of the modules' attributes. Which attributes are parameters and which buffers stands in the classes'
/// `__parameters__` and `__buffers__` lists; the code is searched for these, never run. Throws Error(format).
NamedTensors name_script_tensors(const PickleGraph& graph, const CodeReader& code, const std::string& where);

}  // namespace lacuna
