#pragma once

#include <filesystem>

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// Writes `module` as a TorchScript archive at `path`, whole or not at all. What the file is called does not enter it.
/// Throws Error(file) where it cannot be written, and Error(argument) for a module that LibTorch cannot save.
void save_module(const torch::jit::Module& module, const std::filesystem::path& path);

}  // namespace lacuna
