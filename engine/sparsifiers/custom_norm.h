#pragma once

#include <functional>
#include <memory>
#include <span>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// Scores of weights, one for each: `scores` has the size of `weights` and is to be filled. Scores may be negative; NaN
/// counts as the highest. Called for pieces of a tensor, on any thread.
using NormFunction = std::function<void(std::span<const float> weights, std::span<float> scores)>;

/// weight_norm with a norm of one's own instead of |w| or w²: the rule, options (but `norm`) and ties are the same, as
/// where torch.ao.pruning's WeightNormSparsifier is given a callable (docs/parity.md). Pruned weights are 0 when they
/// are scored. Weights are given as float32, F64 rounded to it. For Pruning and ModuleSparsifier, which it must
/// outlive; no recipe can name it. Throws Error(argument) for an empty function.
std::unique_ptr<const Sparsifier> make_weight_norm(NormFunction norm);

}  // namespace lacuna
