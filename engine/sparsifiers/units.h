#pragma once

#include <span>
#include <vector>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// A tensor's rule, as units are told by.
struct RuleOf {
    const Sparsifier* sparsifier = nullptr;
    const Options* options = nullptr;  ///< complete
};

/// Which of these tensors' masks are computed together (Sparsifier::spans_tensors): lists of indices, in order, each
/// tensor in one of them; tensors whose rule looks at nothing but themselves are alone.
std::vector<std::vector<size_t>> units_of(std::span<const RuleOf> tensors);

}  // namespace lacuna
