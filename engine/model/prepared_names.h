#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/model/checkpoint.h"

namespace lacuna {

/// The name that a tensor has while its layer is not prepared: what torch.ao.pruning prepared
/// ("fc.parametrizations.weight.original") and torch.nn.utils.prune pruned ("fc.weight_orig") is "fc.weight"; every
/// other name is itself. Names alone do not tell all: Checkpoint::plain_name knows the file too.
std::string unprepared_name(std::string_view name);

/// The prepared tensor that a mask of this name belongs to: "fc.weight_mask" to "fc.weight_orig",
/// "fc.parametrizations.weight.0.mask" to "fc.parametrizations.weight.original". Nothing for other names.
std::optional<std::string> original_of_mask(std::string_view name);

/// True for names that parametrizations alone have: "fc.parametrizations.weight.0.mask".
bool is_parametrization(std::string_view name);

/// Empty if `mask` can be the mask of `tensor`: of its shape or, for whole rows, a vector of as many as it has rows,
/// and of a type that can be multiplied with. Else the reason in words.
std::string why_no_mask_of(const TensorInfo& mask, const TensorInfo& tensor);
/// The same for all masks that the file holds for a tensor, with their names.
std::string why_masks_unfit(const Checkpoint& checkpoint, size_t tensor);

/// The tensor called `fqn`, or else the only prepared one that is so called in the plain model. Throws Error(argument)
/// if there are several.
std::optional<size_t> find_prepared(const Checkpoint& checkpoint, std::string_view fqn);

}  // namespace lacuna
