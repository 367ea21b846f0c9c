#include "engine/formats/staged_export.h"

#include <unordered_map>

#include "engine/base/error.h"
#include "engine/formats/copy_file.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/proof.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/torch_zip.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

void refuse_changed(const FileCheckpoint& source) {
    for (const MappedFilePtr& file : source.mapped())
        if (!file->unchanged())
            throw Error(ErrorKind::file, file->path().string(), "was changed or replaced since it was opened",
                        "open it again and repeat the export");
}

/// One run of `write_staged`.
class StagedRun {
  public:
    StagedRun(const FileCheckpoint& source, MaskSource& masks, const StagedExport& job, Progress& progress)
        : source_(source),
          job_(job),
          progress_(progress),
          pruned_(source, masks),
          proof_(pruned_, job.shown, progress) {
        if (job.masks) pruned_.on_mask([this](size_t index, const Mask& mask) { put_mask(index, mask); });
    }

    ExportProof run() {
        uint64_t total = 2 * source_.file_bytes() + (job_.masks ? job_.masks->bytes() : 0);
        progress_.begin(job_.verb, total, "B");
        if (job_.format == Format::safetensors_sharded)
            write_shards(dynamic_cast<const ShardedCheckpoint&>(source_));
        else
            write_file();
        refuse_changed(source_);
        ExportProof proof = proof_.result();
        proof.files = std::move(files_);
        proof.bytes = bytes_;
        return proof;
    }

  private:
    void put_mask(size_t index, const Mask& mask) {
        if (!mask_facts_.contains(index)) mask_facts_[index] = job_.masks->put(source_.tensors()[index].name, mask);
    }

    void write_file() {
        ByteWriter writer(job_.out, job_.shown, progress_);
        if (job_.format == writable_format(source_))
            source_.write_own(pruned_, writer);
        else if (job_.format == Format::safetensors)
            write_as_safetensors(pruned_, writer);
        else
            write_as_torch_zip(pruned_, writer);
        writer.close();
        progress_.rename("Proving");
        proof_.whole(*open_checkpoint(job_.out));
        bytes_ = fs::file_size(job_.out);
        files_ = {job_.out};
    }

    void write_shards(const ShardedCheckpoint& source) {
        const std::vector<std::string>& names = source.shard_names();
        std::vector<std::vector<size_t>> tensors(names.size());
        for (size_t i = 0; i < source.tensors().size(); ++i) tensors[source.shard_of(i)].push_back(i);
        for (size_t i = 0; i < names.size(); ++i) {
            const std::string number = " shard " + std::to_string(i + 1) + " of " + std::to_string(names.size());
            if (!found_finished(names[i], number, tensors[i]))
                write_shard(*source.mapped()[i + 1], names[i], number, tensors[i]);
            add(names[i]);
        }
        const std::string index = job_.out.filename().string();
        ByteWriter writer(job_.out, job_.shown, progress_);
        copy_with_pruned(*source.mapped()[0], pruned_, writer);
        writer.close();
        add(index);
        if (open_checkpoint(job_.out)->tensors().size() != source.tensors().size())
            throw Error(ErrorKind::file, job_.shown.string(),
                        "what was written is not what was meant: the index differs",
                        "nothing was kept; check the disk and try again");
    }

    fs::path beside(const fs::path& index, const std::string& name) const { return index.parent_path() / name; }
    void add(const std::string& name) {
        files_.push_back(beside(job_.out, name));
        bytes_ += fs::file_size(files_.back());
    }

    void write_shard(const MappedFile& file, const std::string& name, const std::string& number,
                     const std::vector<size_t>& tensors) {
        const fs::path staged = beside(job_.out, name), shown = beside(job_.shown, name);
        progress_.rename(job_.verb + number);
        fs::create_directories(staged.parent_path());
        ByteWriter writer(staged, shown, progress_);
        copy_with_pruned(file, pruned_, writer);
        if (job_.journal) writer.sync();
        writer.close();
        progress_.rename("Proving" + number);
        proof_.part(*open_checkpoint(staged), tensors);
        if (job_.journal) note(name, staged, tensors);
    }

    void note(const std::string& name, const fs::path& staged, const std::vector<size_t>& tensors) {
        if (job_.masks) job_.masks->sync();
        JournalShard shard{fs::file_size(staged), {}};
        for (const size_t i : tensors) {
            JournalTensor tensor{
                source_.tensors()[i].name, pruned_.facts(i), pruned_.has_mask(i), pruned_.pruned(i), {}};
            if (job_.masks && tensor.pruned) tensor.mask = mask_facts_.at(i);
            shard.tensors.push_back(std::move(tensor));
        }
        job_.journal->finish(name, std::move(shard));
    }

    /// Whether an earlier run has written this shard and its masks and they are still what it wrote.
    bool found_finished(const std::string& name, const std::string& number, const std::vector<size_t>& tensors) {
        if (!job_.journal) return false;
        const auto noted = job_.journal->shards().find(name);
        if (noted == job_.journal->shards().end()) return false;
        progress_.rename("Checking" + number);
        if (is_as_noted(beside(job_.out, name), noted->second, tensors)) return true;
        for (const size_t i : tensors) {
            pruned_.forget(i);
            mask_facts_.erase(i);
        }
        return false;
    }

    bool is_as_noted(const fs::path& staged, const JournalShard& noted, const std::vector<size_t>& tensors) {
        std::error_code ignored;
        if (fs::file_size(staged, ignored) != noted.bytes || ignored) return false;
        std::unordered_map<std::string_view, const JournalTensor*> by_name;
        for (const JournalTensor& tensor : noted.tensors) by_name[tensor.name] = &tensor;
        for (const size_t i : tensors) {
            const auto tensor = by_name.find(source_.tensors()[i].name);
            if (tensor == by_name.end() || !take_over(i, *tensor->second)) return false;
        }
        try {
            proof_.part(*open_checkpoint(staged), tensors);
        } catch (const Error&) {
            return false;
        }
        progress_.skip(noted.bytes);
        return true;
    }

    bool take_over(size_t index, const JournalTensor& noted) {
        if (noted.pruned != pruned_.has_mask(index)) return false;
        if (job_.masks && noted.pruned) {
            const std::string& name = source_.tensors()[index].name;
            if (job_.masks->read_back(name) != noted.mask) return false;
            progress_.skip(uint64_t(source_.tensors()[index].elements()));
            mask_facts_[index] = noted.mask;
        }
        pruned_.set_facts(index, noted.facts, noted.pruned_weights);
        return true;
    }

    const FileCheckpoint& source_;
    const StagedExport& job_;
    Progress& progress_;
    PrunedStorages pruned_;
    Proof proof_;
    std::unordered_map<size_t, TensorFacts> mask_facts_;
    std::vector<fs::path> files_;
    uint64_t bytes_ = 0;
};

}  // namespace

ExportProof write_staged(const Checkpoint& source, MaskSource& masks, const StagedExport& job, Progress& progress) {
    return StagedRun(dynamic_cast<const FileCheckpoint&>(source), masks, job, progress).run();
}

}  // namespace lacuna
