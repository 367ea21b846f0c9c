#include "engine/torch/load_module.h"

#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"

namespace lacuna {

torch::jit::Module load_module(const std::filesystem::path& path, c10::Device device) {
    try {
        torch::jit::Module module = torch::jit::load(path.string(), device);
        module.eval();
        return module;
    } catch (const std::exception& error) {
        throw Error(ErrorKind::format, path.string(), "LibTorch cannot load this TorchScript archive: " + brief(error));
    }
}

}  // namespace lacuna
