#pragma once

#include <string>

#include "engine/model/checkpoint.h"

namespace lacuna {

/// Tells whether a checkpoint is the one of another time.
struct CheckpointIdentity {
    std::string tensors;  ///< of names, dtypes and shapes, in order
    std::string weights;  ///< of samples from all over the weights: enough to see that they were trained on
    bool operator==(const CheckpointIdentity&) const = default;
};

/// Reads about a MiB of the tensors' data.
CheckpointIdentity identity_of(const Checkpoint& checkpoint);

}  // namespace lacuna
