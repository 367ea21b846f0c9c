#pragma once

#include <memory>
#include <string>

#include "engine/model/block_device.h"
#include "engine/model/conversion.h"
#include "engine/model/runner.h"

namespace lacuna {

/// How the engine, which has no LibTorch in it, reaches lacuna_torch: `torch_plugin` loads liblacuna_torch.so and asks
/// it for this table. The library carries its own copy of the engine, so settings of the process go across as
/// arguments.
struct TorchPlugin {
    static constexpr int current_version = 4;

    int version = current_version;  ///< grows when this struct or a class that crosses the border changes
    /// `lacuna::make_runner` once LibTorch is there; `threads` is lacuna::threads() of the caller. May throw Error.
    std::unique_ptr<Runner> (*make_runner)(CheckpointPtr checkpoint, const std::string& device, int threads) = nullptr;
    /// `lacuna::convert` after its checks, with complete options; it writes to `request.out` as it is and reports what
    /// the files' headers do not say. May throw Error.
    ConversionReport (*convert)(const ConversionRequest& request, int threads, Progress& progress) = nullptr;
    /// `lacuna::make_block_device` for a GPU. May throw Error.
    std::unique_ptr<BlockDevice> (*make_block_device)(const std::string& device) = nullptr;
};

/// The table, loading the library the first time; a failure may be mended and tried again. `purpose` ("running a
/// model") begins the message of the Error(missing) that is thrown where this build or machine has no LibTorch.
const TorchPlugin& torch_plugin(const std::string& purpose);

/// Name and type of the one function that liblacuna_torch.so exports for the engine. The table lives forever.
inline constexpr const char* torch_plugin_symbol = "lacuna_torch_plugin";
using TorchPluginFunction = const TorchPlugin* (*)();

}  // namespace lacuna
