#include <system_error>

#include "engine/base/error.h"
#include "engine/base/output_set.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/staged_export.h"

namespace lacuna {
namespace fs = std::filesystem;

namespace {

/// The source must be left as it is: `target` may not be one of its files, under whatever name.
void refuse_source(const FileCheckpoint& source, const fs::path& target) {
    for (const MappedFilePtr& file : source.mapped())
        if (file->is_at(target))
            throw Error(ErrorKind::file, target.string(), "is a file of the checkpoint that is being exported",
                        "choose another name");
}

void check_format(const Checkpoint& source, Format format) {
    const auto refuse = [&](const std::string& hint) {
        throw Error(ErrorKind::argument, source.path().string(),
                    std::string("a ") + std::string(format_name(source.format())) +
                        " checkpoint cannot be written as " + std::string(format_name(format)),
                    hint);
    };
    if (format == Format::torch_legacy) refuse("write torch-zip, which PyTorch reads since 1.6");
    if (format == Format::torchscript && source.format() != Format::torchscript)
        refuse("only a TorchScript file carries the code that TorchScript needs");
    if (format == Format::safetensors_sharded && source.format() != Format::safetensors_sharded)
        refuse("write safetensors");
}

}  // namespace

Format writable_format(const Checkpoint& source) {
    return source.format() == Format::torch_legacy ? Format::torch_zip : source.format();
}

Format export_format(const Checkpoint& source, Format format, const fs::path& out) {
    check_format(source, format);
    const bool one_file = format == Format::safetensors_sharded && out.extension() == ".safetensors";
    return one_file ? Format::safetensors : format;
}

fs::path export_target(const Checkpoint& source, Format format, const fs::path& out) {
    std::error_code ignored;
    if (format != Format::safetensors_sharded) return out;
    if (!out.has_filename() || fs::is_directory(out, ignored)) return out / source.path().filename();
    if (out.extension() == ".json") return out;
    throw Error(ErrorKind::argument, out.string(), "is no name for a checkpoint in shards",
                "name a folder, an index that ends in .json, or one file that ends in .safetensors");
}

ExportProof export_with_masks(const Checkpoint& source, const MaskSet& masks, const fs::path& out, Format format,
                              const std::optional<fs::path>& masks_out, Progress& progress) {
    const auto& files = dynamic_cast<const FileCheckpoint&>(source);
    format = export_format(source, format, out);
    HeldMasks held(source, masks);
    const fs::path target = export_target(source, format, out);
    refuse_source(files, target);
    OutputSet outputs;
    for (const MappedFilePtr& file : files.mapped()) outputs.protect(file->path());
    const fs::path staged = outputs.stage(target, target != out);
    // Whether the other names can be had is known before the work.
    if (format == Format::safetensors_sharded)
        for (const std::string& name : dynamic_cast<const ShardedCheckpoint&>(source).shard_names())
            outputs.add(staged.parent_path() / name);
    const fs::path staged_masks = masks_out ? outputs.stage(*masks_out) : fs::path();
    try {
        ExportProof proof = write_staged(source, held, {staged, target, format}, progress);
        for (fs::path& file : proof.files) file = target.parent_path() / file.lexically_relative(staged.parent_path());
        if (masks_out) write_masks(masks, staged_masks, progress);
        progress.check();
        outputs.commit();
        return proof;
    } catch (const Error& error) {
        throw outputs.restated(error);
    }
}

ExportProof export_checkpoint(const Checkpoint& source, const MaskSet& masks, const fs::path& out, Format format,
                              Progress& progress) {
    return export_with_masks(source, masks, out, format, {}, progress);
}

}  // namespace lacuna
