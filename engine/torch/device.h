#pragma once

#include <c10/core/Device.h>

#include <string>

namespace lacuna {

/// "cpu" or "cuda" as LibTorch's device. For "cuda", LibTorch's CUDA library is loaded if it is there. Throws
/// Error(argument) for another name and Error(missing) where LibTorch finds no GPU it can use, saying why.
c10::Device find_device(const std::string& name);

}  // namespace lacuna
