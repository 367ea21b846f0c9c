#pragma once

#include <functional>
#include <vector>

#include "engine/base/progress.h"
#include "engine/kernels/radix_select.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// Keys of a unit's tensors that compete with one another, too many to be held.
template <typename Key>
struct UnitKeys {
    std::vector<int64_t> counts, weights;  ///< of each tensor: its keys, and its weights
    int64_t weights_a_key = 1;             ///< at most
    /// Calls `look` with a reader of the i-th tensor's keys. Any thread may call it.
    std::function<void(size_t i, const std::function<void(const kernels::KeyReader<Key>&)>& look)> open;
    /// Reads a few of its keys.
    std::function<void(size_t i, int64_t begin, int64_t end, Key* keys)> read;
};

struct CutLimits {
    int64_t unsampled = int64_t(1) << 22;     ///< so few keys are all kept; not more than `kept_bytes`
    int64_t kept_bytes = int64_t(128) << 20;  ///< of keys near the cut
};

/// Where each tensor is cut so that together they lose their k lowest keys: of equal ones an earlier tensor's, then the
/// lower index. As a rule the keys are read once, and before that some thousand places of 4,096 weights each: they
/// tell about where the cut lies, and the keys near it are kept. Should they mislead, or too many different keys lie
/// near the cut, it takes two to four passes more, at most six for doubles. `left` is told, in the calling thread, of
/// tensors that were looked at.
template <typename Key>
std::vector<kernels::Cut<Key>> find_cuts(const UnitKeys<Key>& keys, int64_t k, Progress& progress,
                                         const TensorsLeft& left, CutLimits limits = {});

}  // namespace lacuna
