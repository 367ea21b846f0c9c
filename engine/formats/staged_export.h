#pragma once

#include <optional>

#include "engine/formats/mask_source.h"
#include "engine/formats/masks_file.h"
#include "engine/formats/shard_journal.h"

namespace lacuna {

/// An export whose outputs have staged names already and will be put in place by the caller.
struct StagedExport {
    std::filesystem::path out;    ///< where to write: a file, or an index beside which its shards go
    std::filesystem::path shown;  ///< what `out` will be called
    Format format = Format::safetensors;
    MasksFile* masks = nullptr;       ///< gets every mask as it comes
    ShardJournal* journal = nullptr;  ///< of a checkpoint in shards: finished shards are noted, and not written again
    std::string verb = "Writing";     ///< what the progress calls it: "Pruning" where masks are computed on the way
};

/// What an export to `out` writes when `format` is asked for: a name that ends in .safetensors takes the shards merged
/// into one file. Throws Error(argument) for a format that cannot hold this checkpoint.
Format export_format(const Checkpoint& source, Format format, const std::filesystem::path& out);
/// The file that an export to `out` in such a format writes: for shards their index, which lies in `out` where that is
/// a folder. Throws Error(argument) for a name that says neither.
std::filesystem::path export_target(const Checkpoint& source, Format format, const std::filesystem::path& out);

/// Writes and proves, tensor by tensor in the file's order: the largest tensor and its mask are in memory, every byte
/// of the source is read once (twice by sparsifiers that need it so), every byte written once and read back once. A
/// shard that is finished is on disk. Throws as `export_checkpoint` does; what was written stays for the caller to
/// clear away.
ExportProof write_staged(const Checkpoint& source, MaskSource& masks, const StagedExport& job, Progress& progress);

/// `export_checkpoint` that writes the masks too (`write_masks`), where `masks_out` says so: the model and its masks
/// take their places together or not at all. Throws also Error(file) where the masks cannot be written.
ExportProof export_with_masks(const Checkpoint& source, const MaskSet& masks, const std::filesystem::path& out,
                              Format format, const std::optional<std::filesystem::path>& masks_out, Progress& progress);

}  // namespace lacuna
