#pragma once

#include <c10/core/Device.h>

#include <filesystem>

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// The module of a TorchScript archive on `device`, in evaluation mode. Throws Error(format) where LibTorch cannot load
/// it.
torch::jit::Module load_module(const std::filesystem::path& path, c10::Device device = c10::kCPU);

}  // namespace lacuna
