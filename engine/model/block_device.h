#pragma once

#include <memory>
#include <string>

#include "engine/sparsifiers/block_device.h"

namespace lacuna {

/// Where masks are computed: null for "cpu"; for "cuda" a GPU, which needs LibTorch, the kernels of engine/torch/cuda
/// and the GPU. Throws Error(missing) naming what is not there, Error(argument) for another device.
std::unique_ptr<BlockDevice> make_block_device(const std::string& device);

}  // namespace lacuna
