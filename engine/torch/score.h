#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lacuna {

/// What a batch adds to an evaluation.
struct Score {
    double loss = 0;  ///< sum of the samples' cross-entropies
    int64_t correct = 0;
};

/// Scores `logits` (samples × classes, any floating type, any device) against `labels` (samples, I64 on the CPU) in
/// double precision, row by row in order: the same on any number of threads. Of equal highest classes the first counts;
/// a NaN counts as highest, as in PyTorch's argmax. Throws Error(argument) for a label that is no class.
Score score(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace lacuna
