#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/progress.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// zeros / params; 0 where there are no parameters.
double sparsity_of(int64_t zeros, int64_t params);

/// What `inspect` tells about one tensor.
struct InspectedTensor {
    const TensorInfo* info = nullptr;  ///< the checkpoint's own
    std::optional<int64_t> zeros;      ///< only where asked for, and where the type's zeros can be told
};

/// A checkpoint's tensors, in its order.
struct Inspection {
    std::vector<InspectedTensor> tensors;
};

/// Lists the tensors; with `count` their data is read and zeros are counted. Valid as long as `checkpoint` lives.
Inspection inspect(const Checkpoint& checkpoint, bool count, Progress& progress);
/// The contract's inspect JSON, with `notes` at its end where the reader left something alone.
std::string to_json(const Inspection& inspection, const Checkpoint& checkpoint);

}  // namespace lacuna
