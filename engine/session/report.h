#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/progress.h"
#include "engine/mask/patterns.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// zeros / params; 0 where there are no parameters.
double sparsity_of(int64_t zeros, int64_t params);

/// What `inspect` tells about one tensor.
struct InspectedTensor {
    const TensorInfo* info = nullptr;     ///< the checkpoint's own
    std::optional<int64_t> zeros;         ///< only where asked for, and where the type's zeros can be told
    std::optional<int64_t> masked_zeros;  ///< of a prepared tensor, once the mask that the file holds for it is laid on
    std::optional<Patterns> patterns;     ///< only where asked for, of tensors of two and more dimensions

    /// The zeros that the model computes with, as sums count them; 0 where they are not known.
    int64_t zeros_in_use() const { return masked_zeros.value_or(zeros.value_or(0)); }
};

/// The parameters of a layer: tensors of the same FQN but for the last part.
struct InspectedLayer {
    std::string fqn;
    int64_t params = 0, zeros = 0;
};

/// A checkpoint's tensors, in its order.
struct Inspection {
    std::vector<InspectedTensor> tensors;
};

/// What `inspect` reads of the tensors' data.
struct Counting {
    bool zeros = false;
    std::optional<BlockShape> tile = {};  ///< rows, columns, tiles of this shape and N:M patterns too
};

/// Lists the tensors; their data is read once where something is to be counted. Valid as long as `checkpoint` lives.
Inspection inspect(const Checkpoint& checkpoint, const Counting& counting, Progress& progress);
/// Sums over layers, in the order of their first tensors; optimizer state and tensors whose zeros cannot be told are
/// passed by.
std::vector<InspectedLayer> layers_of(const Inspection& inspection);
/// The contract's inspect JSON, with patterns where they were counted, "layers" then, and `notes` at its end where the
/// reader left something alone.
std::string to_json(const Inspection& inspection, const Checkpoint& checkpoint);

}  // namespace lacuna
