#pragma once

#include "engine/model/runner.h"

namespace lacuna {

/// A Runner over LibTorch; what lacuna::make_runner gives once the library is loaded, for programs that link
/// lacuna_torch themselves. `device` is "cpu" or "cuda". Throws Error(argument) for a checkpoint that carries no code
/// or another device, Error(missing) for "cuda" without a GPU, Error(format) where LibTorch cannot load the file.
std::unique_ptr<Runner> make_torch_runner(CheckpointPtr checkpoint, const std::string& device);

}  // namespace lacuna
