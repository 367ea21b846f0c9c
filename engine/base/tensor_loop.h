#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/progress.h"

namespace lacuna {

/// Is told, in the calling thread, which bodies are through.
using TensorsDone = std::function<void(std::span<const size_t> indices)>;

/// Runs `body(i)` for each of the sizes, in weights, of tensors or units of them: large ones one after the other,
/// because work on one can use all threads, small ones side by side. Progress counts weights. The first exception of a
/// body is thrown again; Cancelled comes between tensors.
void for_each_tensor(const std::vector<int64_t>& sizes, const std::string& stage, Progress& progress,
                     const std::function<void(size_t index)>& body, const TensorsDone& done = {});
/// The same without a stage of its own, as part of work that is counted otherwise.
void for_each_tensor(const std::vector<int64_t>& sizes, const Progress& progress,
                     const std::function<void(size_t index)>& body, const TensorsDone& done = {});

}  // namespace lacuna
