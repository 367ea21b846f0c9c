#pragma once

#include <c10/core/QEngine.h>

#include <filesystem>
#include <optional>

namespace lacuna {

/// The engine under which the TorchScript archive at `path` must be loaded, and run where it is QNNPACK: the one that
/// has the sparse operators which its code calls. Nothing if it calls none. Throws Error(format) for an archive that
/// calls sparse operators of two engines, which no LibTorch can load, and for a damaged one.
std::optional<c10::QEngine> archive_engine(const std::filesystem::path& path);

}  // namespace lacuna
