#include "engine/formats/squashed_names.h"

#include <optional>
#include <string>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/formats/safetensors.h"
#include "engine/formats/saved_mask.h"
#include "engine/formats/squashed_pickle.h"
#include "engine/formats/torch_zip.h"
#include "engine/model/prepared_names.h"

namespace lacuna {
namespace {

/// "fc.parametrizations.weight." of a tensor in there, "" of others.
std::string folder_of(const std::string& name) {
    if (!is_parametrization(name)) return "";
    const size_t tensor = name.rfind("parametrizations.") + std::string_view("parametrizations.").size();
    const size_t dot = name.find('.', tensor);
    return dot == std::string::npos ? "" : name.substr(0, dot + 1);
}

/// Which of the source's tensors stay, under which names.
class Plan {
  public:
    explicit Plan(const Checkpoint& source) : source_(source), names_(source.tensors().size()) {
        find_other_parametrizations();
        for (size_t i = 0; i < names_.size(); ++i) {
            names_[i] = name_of(i);
            if (!is_squashed(i)) continue;
            any_ = true;
            names_[i] = source.plain_name(i);
        }
        for (size_t i = 0; i < names_.size(); ++i)
            if (const auto masked = source.mask_of(i); masked && is_squashed(*masked)) names_[i].reset();
        give_biases_back();
        check_names();
    }

    bool any() const { return any_; }
    const std::vector<std::optional<std::string>>& names() const { return names_; }

  private:
    const std::string& name_of(size_t tensor) const { return source_.tensors()[tensor].name; }

    void find_other_parametrizations() {
        for (size_t i = 0; i < names_.size(); ++i) {
            const std::string folder = folder_of(name_of(i));
            if (!folder.empty() && name_of(i) != folder + "original" && !source_.mask_of(i)) others_.insert(folder);
        }
    }

    bool is_squashed(size_t tensor) const {
        return source_.plain_name(tensor) != name_of(tensor) && !others_.contains(folder_of(name_of(tensor))) &&
               why_masks_unfit(source_, tensor).empty();
    }

    void give_biases_back() {
        for (size_t i = 0; i < names_.size(); ++i) {
            const std::string& name = name_of(i);
            if (name != "_bias" && !name.ends_with("._bias")) continue;
            const std::string layer = name.substr(0, name.size() - std::string_view("_bias").size());
            const auto weight = source_.find(layer + "parametrizations.weight.original");
            if (weight && is_squashed(*weight) && !source_.find(layer + "bias")) names_[i] = layer + "bias";
        }
    }

    void check_names() const {
        std::unordered_set<std::string_view> taken;
        for (size_t i = 0; i < names_.size(); ++i)
            if (names_[i] && !taken.insert(*names_[i]).second)
                throw Error(ErrorKind::argument, source_.path().string(),
                            "two tensors would be called " + *names_[i] + " once names are squashed",
                            "leave the names as they are");
    }

    const Checkpoint& source_;
    std::vector<std::optional<std::string>> names_;  // by the source's tensor
    std::unordered_set<std::string> others_;         // folders with parametrizations that are no masks
    bool any_ = false;
};

bool is_safetensors(const Checkpoint& source) {
    return source.format() == Format::safetensors || source.format() == Format::safetensors_sharded;
}

}  // namespace

SquashedNames::SquashedNames(CheckpointPtr source) : source_(std::move(source)) {
    const auto& files = dynamic_cast<const FileCheckpoint&>(*source_);
    const Plan plan(*source_);
    any_ = plan.any();
    if (any_ && source_->format() == Format::torchscript)
        throw Error(ErrorKind::argument, source_->path().string(),
                    "is TorchScript, whose code asks for the names it has", "leave the names as they are");
    path_ = files.path();
    files_ = files.files();
    file_bytes_ = files.file_bytes();
    mapped_ = files.mapped();
    metadata_ = files.metadata();
    format_ = is_safetensors(*source_) ? Format::safetensors : Format::torch_zip;
    std::unordered_map<uint64_t, uint64_t> storages;  // that are left: from the source's place to ours
    for (size_t i = 0; i < plan.names().size(); ++i) {
        if (!plan.names()[i]) continue;
        TensorInfo tensor = source_->tensors()[i];
        tensor.name = *plan.names()[i];
        const auto [place, is_new] = storages.emplace(tensor.storage, storages_.size());
        if (is_new) storages_.push_back(source_->storages()[tensor.storage]);
        tensor.storage = place->second;
        tensors_.push_back(std::move(tensor));
        source_of_.push_back(i);
    }
    finish();
}

void SquashedNames::write_own(PrunedStorages& pruned, ByteWriter& out) const {
    if (format_ == Format::safetensors) return write_as_safetensors(pruned, out);
    const std::string pickle = squashed_pickle(*this);
    std::vector<std::string> keys;
    for (size_t i = 0; i < storages_.size(); ++i) keys.push_back(std::to_string(i));
    write_torch_archive(
        pickle, keys,
        [&](size_t i) {
            if (i > 0) release_storage(*this, i - 1);
            return pruned.bytes(i);
        },
        out);
}

SquashedMasks::SquashedMasks(const SquashedNames& checkpoint, MaskSource& masks)
    : checkpoint_(checkpoint), source_(masks) {
    const std::unordered_set<size_t> given(masks.masked().begin(), masks.masked().end());
    for (size_t i = 0; i < checkpoint.tensors().size(); ++i) {
        const size_t source = checkpoint.source_of(i);
        const bool from_source = given.contains(source);
        const bool renamed = checkpoint.tensors()[i].name != checkpoint.source().tensors()[source].name;
        if (!from_source && (!renamed || checkpoint.source().saved_masks(source).empty())) continue;
        from_source_[i] = from_source;
        masked_.push_back(i);
    }
}

std::vector<MaskPtr> SquashedMasks::masks(std::span<const size_t> tensors) {
    std::vector<size_t> wanted;
    for (const size_t tensor : tensors)
        if (from_source_.at(tensor)) wanted.push_back(checkpoint_.source_of(tensor));
    const std::vector<MaskPtr> given = source_.masks(wanted);
    std::vector<MaskPtr> masks;
    size_t next = 0;
    for (const size_t tensor : tensors)
        masks.push_back(from_source_.at(tensor) ? given[next++]
                                                : saved_mask(checkpoint_.source(), checkpoint_.source_of(tensor)));
    return masks;
}

}  // namespace lacuna
