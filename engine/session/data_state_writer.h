#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/formats/torch_object_writer.h"

namespace lacuna {

/// One tensor in the state_dict() of a data sparsifier.
struct DataStateEntry {
    std::string name;
    PlainValue config;                      ///< its data group
    PlainValue state = PlainValue::dict();  ///< beside its mask
    MaskPtr mask;
    bool squashed = false;
    DType dtype = DType::F32;
    TorchObjectWriter::Bytes values;  ///< in the mask's shape, row-major; the original ones unless squashed
};

/// The key that an unsquashed tensor's values have in the state's "_container".
std::string data_original_name(const std::string& name);

/// Writes the state as torch.ao.pruning's data sparsifiers do, with `extras` beside it. Renamed into place. Throws
/// Error(argument) for a name with a dot, for two equal ones and for a type that PyTorch lacks; Error(file).
void write_data_state(std::span<const DataStateEntry> entries, const PlainValue& extras,
                      const std::filesystem::path& path, Progress& progress);

}  // namespace lacuna
