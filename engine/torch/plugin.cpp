#include "engine/base/parallel.h"
#include "engine/model/torch_plugin.h"
#include "engine/torch/torch_runner.h"

namespace {

std::unique_ptr<lacuna::Runner> make_plugin_runner(lacuna::CheckpointPtr checkpoint, const std::string& device,
                                                   int threads) {
    lacuna::set_threads(threads);
    return lacuna::make_torch_runner(std::move(checkpoint), device);
}

}  // namespace

/// Found by name by lacuna::make_runner.
extern "C" const lacuna::TorchPlugin* lacuna_torch_plugin() {
    static const lacuna::TorchPlugin plugin{lacuna::TorchPlugin::current_version, make_plugin_runner};
    return &plugin;
}
