#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/base/progress.h"
#include "engine/mask/mask.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// Opens a checkpoint of any format that is read; the content decides which. Reads headers, maps the rest, runs
/// nothing. Throws Error(file) where the file cannot be had and Error(format) where its content is damaged or of no
/// known format.
CheckpointPtr open_checkpoint(const std::filesystem::path& path);

/// Masks to write, by tensor FQN. Tensors that are not named stay as they are, byte for byte.
using MaskSet = std::map<std::string, MaskPtr, std::less<>>;

/// A pruned tensor as it was found in the written file.
struct PrunedTensor {
    size_t tensor = 0;  ///< index into the source's tensors
    int64_t zeros = 0;  ///< elements that are ±0, those of the source included
};

/// What an export wrote, after the result was opened again and compared with what was meant.
struct ExportProof {
    std::vector<std::filesystem::path> files;
    uint64_t bytes = 0;            ///< of all files
    size_t tensors_pruned = 0;     ///< whose zeros were counted again in the written file
    size_t tensors_untouched = 0;  ///< whose hashes were compared with the source
    int64_t zeros = 0;             ///< pruned weights found zero
    std::vector<PrunedTensor> pruned;
};

/// Writes `source` to `out` with the masks squashed in, in `format` (the source's own: pass `writable_format(source)`).
/// Same tensors, names, order, dtypes, shapes and metadata; pruned weights are +0; all else is byte for byte the same.
/// A mask on a view of a shared storage prunes what it shares. Reads every byte of the source once. Writes beside the
/// target, opens the result again, proves zero counts and hashes, and only then renames; on any failure or cancellation
/// nothing is left behind.
/// Throws Error(argument) for a mask whose tensor does not exist or has another shape, and for a format that cannot
/// hold this checkpoint; Error(file) where writing fails or `out` is one of the source's files.
ExportProof export_checkpoint(const Checkpoint& source, const MaskSet& masks, const std::filesystem::path& out,
                              Format format, Progress& progress);

/// The format that an export takes when nobody says otherwise: the source's own; torch_zip for torch_legacy.
Format writable_format(const Checkpoint& source);

/// Writes masks as safetensors: a U8 tensor of 0/1 for each, under its FQN, in the tensor's shape. Renamed into place.
void write_masks(const MaskSet& masks, const std::filesystem::path& out, Progress& progress);
/// Reads what `write_masks` wrote: U8 or BOOL, 0 prunes and 1 keeps. Throws Error(format) where a tensor is of others.
MaskSet read_masks(const std::filesystem::path& path);

}  // namespace lacuna
