#include <system_error>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/base/output_set.h"
#include "engine/formats/copy_file.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/proof.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/torch_zip.h"

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

void refuse_changed(const FileCheckpoint& source) {
    for (const MappedFilePtr& file : source.mapped())
        if (!file->unchanged())
            throw Error(ErrorKind::file, file->path().string(), "was changed while it was exported",
                        "open it again and repeat the export");
}

void check_format(const FileCheckpoint& source, Format format) {
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

void write_one(const FileCheckpoint& source, PrunedStorages& pruned, Format format, ByteWriter& out) {
    if (format == writable_format(source)) return source.write_own(pruned, out);
    if (format == Format::safetensors) return write_as_safetensors(pruned, out);
    write_as_torch_zip(pruned, out);  // check_format leaves nothing else
}

ExportProof export_file(const FileCheckpoint& source, PrunedStorages& pruned, const fs::path& out, Format format,
                        Progress& progress) {
    refuse_source(source, out);
    OutputFile file(out);
    progress.begin("Writing", source.file_bytes(), "B");
    ByteWriter writer(file.temporary(), out, progress);
    write_one(source, pruned, format, writer);
    writer.close();
    ExportProof proof = prove(pruned, *open_checkpoint(file.temporary()), out, progress);
    proof.files = {file.target()};
    proof.bytes = fs::file_size(file.temporary());
    refuse_changed(source);
    file.commit();
    return proof;
}

ExportProof export_shards(const ShardedCheckpoint& source, PrunedStorages& pruned, const fs::path& index,
                          bool make_folder, Progress& progress) {
    const std::vector<MappedFilePtr>& mapped = source.mapped();  // the index, then the shards
    OutputSet files;
    for (const MappedFilePtr& file : mapped) files.protect(file->path());
    const fs::path staged_index = files.stage(index, make_folder);
    progress.begin("Writing", source.file_bytes(), "B");
    ExportProof written;
    const auto write = [&](const MappedFile& file, const std::string& name) {
        const fs::path staged = staged_index.parent_path() / name, target = index.parent_path() / name;
        fs::create_directories(staged.parent_path());
        ByteWriter writer(staged, target, progress);
        copy_with_pruned(file, pruned, writer);
        written.bytes += writer.position();
        writer.close();
        files.add(staged);
        written.files.push_back(target);
    };
    for (size_t i = 0; i < source.shard_names().size(); ++i) write(*mapped[i + 1], source.shard_names()[i]);
    write(*mapped[0], index.filename().string());
    ExportProof proof = prove(pruned, *open_checkpoint(staged_index), index, progress);
    proof.files = std::move(written.files);
    proof.bytes = written.bytes;
    refuse_changed(source);
    files.commit();
    return proof;
}

/// OUT names the index, or a folder for index and shards.
ExportProof export_sharded(const ShardedCheckpoint& source, PrunedStorages& pruned, const fs::path& out,
                           Progress& progress) {
    std::error_code ignored;
    if (!out.has_filename() || fs::is_directory(out, ignored))
        return export_shards(source, pruned, out / source.path().filename(), true, progress);
    if (out.extension() == ".json") return export_shards(source, pruned, out, false, progress);
    throw Error(ErrorKind::argument, out.string(), "is no name for a checkpoint in shards",
                "name a folder, an index that ends in .json, or one file that ends in .safetensors");
}

}  // namespace

Format writable_format(const Checkpoint& source) {
    return source.format() == Format::torch_legacy ? Format::torch_zip : source.format();
}

ExportProof export_checkpoint(const Checkpoint& source, const MaskSet& masks, const fs::path& out, Format format,
                              Progress& progress) {
    const auto& files = dynamic_cast<const FileCheckpoint&>(source);
    check_format(files, format);
    if (format == Format::safetensors_sharded && out.extension() == ".safetensors") format = Format::safetensors;
    PrunedStorages pruned(source, masks);
    if (format == Format::safetensors_sharded)
        return export_sharded(dynamic_cast<const ShardedCheckpoint&>(source), pruned, out, progress);
    return export_file(files, pruned, out, format, progress);
}

}  // namespace lacuna
