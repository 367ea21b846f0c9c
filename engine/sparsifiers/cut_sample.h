#pragma once

#include "engine/kernels/bracket.h"
#include "engine/sparsifiers/cut_search.h"

namespace lacuna {

/// About where the k lowest of all keys are cut, from places spread evenly over every large tensor and every run of
/// small ones, a share of each that is all the same. The bracket is four times as wide as the sample may be off, to
/// either side; `low` is 0 or `high` NaN's key where it reaches beyond the sample. 1 ≤ k ≤ the number of keys.
template <typename Key>
kernels::Bracket<Key> sampled_bracket(const UnitKeys<Key>& keys, int64_t k, const Progress& progress,
                                      const TensorsLeft& left);

}  // namespace lacuna
