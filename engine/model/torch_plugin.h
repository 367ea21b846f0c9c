#pragma once

#include <memory>
#include <string>

#include "engine/model/runner.h"

namespace lacuna {

/// How the engine, which has no LibTorch in it, reaches lacuna_torch: `make_runner` loads liblacuna_torch.so and asks
/// it for this table. The library carries its own copy of the engine, so settings of the process go across as
/// arguments.
struct TorchPlugin {
    static constexpr int current_version = 1;

    int version = current_version;  ///< grows when this struct or a class that crosses the border changes
    /// `lacuna::make_runner` once LibTorch is there; `threads` is lacuna::threads() of the caller. May throw Error.
    std::unique_ptr<Runner> (*make_runner)(CheckpointPtr checkpoint, const std::string& device, int threads) = nullptr;
};

/// Name and type of the one function that liblacuna_torch.so exports for the engine. The table lives forever.
inline constexpr const char* torch_plugin_symbol = "lacuna_torch_plugin";
using TorchPluginFunction = const TorchPlugin* (*)();

}  // namespace lacuna
