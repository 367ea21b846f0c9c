#include <system_error>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
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

ExportProof export_file(const FileCheckpoint& source, MaskSource& masks, const fs::path& out, Format format,
                        Progress& progress) {
    refuse_source(source, out);
    OutputFile file(out);
    ExportProof proof = write_staged(source, masks, {file.temporary(), out, format}, progress);
    proof.files = {file.target()};
    file.commit();
    return proof;
}

ExportProof export_shards(const ShardedCheckpoint& source, MaskSource& masks, const fs::path& index, bool make_folder,
                          Progress& progress) {
    OutputSet files;
    for (const MappedFilePtr& file : source.mapped()) files.protect(file->path());
    const fs::path staged = files.stage(index, make_folder);
    // Whether the shards' names can be had is known before the work.
    for (const std::string& name : source.shard_names()) files.add(staged.parent_path() / name);
    ExportProof proof = write_staged(source, masks, {staged, index, Format::safetensors_sharded}, progress);
    for (fs::path& file : proof.files) file = index.parent_path() / file.lexically_relative(staged.parent_path());
    files.commit();
    return proof;
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

ExportProof export_checkpoint(const Checkpoint& source, const MaskSet& masks, const fs::path& out, Format format,
                              Progress& progress) {
    const auto& files = dynamic_cast<const FileCheckpoint&>(source);
    format = export_format(source, format, out);
    HeldMasks held(source, masks);
    const fs::path target = export_target(source, format, out);
    if (format != Format::safetensors_sharded) return export_file(files, held, target, format, progress);
    return export_shards(dynamic_cast<const ShardedCheckpoint&>(source), held, target, target != out, progress);
}

}  // namespace lacuna
