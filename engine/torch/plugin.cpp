#include <torch/csrc/jit/runtime/print_handler.h>

#include <cstdio>
#include <string>

#include "engine/base/parallel.h"
#include "engine/model/torch_plugin.h"
#include "engine/torch/border.h"
#include "engine/torch/convert.h"
#include "engine/torch/cuda_device.h"
#include "engine/torch/device.h"
#include "engine/torch/torch_runner.h"

namespace {

void enter(int threads) {
    lacuna::set_threads(threads);
    // What a model prints must not mix with the results on standard output.
    torch::jit::setPrintHandler([](const std::string& text) { std::fputs(text.c_str(), stderr); });
}

std::unique_ptr<lacuna::Runner> make_plugin_runner(lacuna::CheckpointPtr checkpoint, const std::string& device,
                                                   int threads) {
    enter(threads);
    return lacuna::guarded(lacuna::at_border([&] { return lacuna::make_torch_runner(std::move(checkpoint), device); }));
}

lacuna::ConversionReport plugin_convert(const lacuna::ConversionRequest& request, int threads,
                                        lacuna::Progress& progress) {
    enter(threads);
    return lacuna::at_border([&] { return lacuna::convert_with_torch(request, progress); });
}

std::unique_ptr<lacuna::BlockDevice> make_plugin_block_device(const std::string& device) {
    return lacuna::guarded(lacuna::at_border([&]() -> std::unique_ptr<lacuna::BlockDevice> {
        return lacuna::make_cuda_device(lacuna::find_device(device));
    }));
}

}  // namespace

/// Found by name by lacuna::torch_plugin.
extern "C" const lacuna::TorchPlugin* lacuna_torch_plugin() {
    static const lacuna::TorchPlugin plugin{lacuna::TorchPlugin::current_version, make_plugin_runner, plugin_convert,
                                            make_plugin_block_device};
    return &plugin;
}
