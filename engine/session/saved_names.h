#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/model/checkpoint.h"

namespace lacuna {

/// The FQN that a tensor has while its layer is not prepared: what torch.ao.pruning prepared
/// ("fc.parametrizations.weight.original") and torch.nn.utils.prune pruned ("fc.weight_orig") is "fc.weight".
std::string unprepared_name(std::string_view name);

/// The tensor that a sparsifier's state calls `fqn`: of that name, or prepared, or the only one that has it below a
/// wrapper such as "state_dict.". Throws Error(argument) if there are several.
std::optional<size_t> find_saved(const Checkpoint& checkpoint, std::string_view fqn);

}  // namespace lacuna
