#include "engine/formats/proof.h"

#include "engine/base/error.h"
#include "engine/formats/file_checkpoint.h"

namespace lacuna {

void Proof::refuse(const std::string& what) const {
    throw Error(ErrorKind::file, shown_.string(), "what was written is not what was meant: " + what,
                "nothing was kept; check the disk and try again");
}

void Proof::whole(const Checkpoint& written) {
    const size_t count = meant_.checkpoint().tensors().size();
    if (written.tensors().size() != count) refuse("the number of tensors differs");
    for (size_t i = 0; i < count; ++i) compare(i, written, i);
}

void Proof::part(const Checkpoint& written, std::span<const size_t> tensors) {
    Proof part(meant_, shown_, progress_);
    part.result_ = result_;
    for (const size_t i : tensors) {
        const std::string& name = meant_.checkpoint().tensors()[i].name;
        const auto found = written.find(name);
        if (!found) refuse(name + " is missing");
        part.compare(i, written, *found);
    }
    result_ = std::move(part.result_);
}

void Proof::compare(size_t index, const Checkpoint& written, size_t found) {
    const TensorInfo& source = meant_.checkpoint().tensors()[index];
    const TensorInfo& now = written.tensors()[found];
    if (now.name != source.name || now.dtype != source.dtype || now.shape != source.shape)
        refuse(source.name + " became " + now.name + ' ' + to_string(now.shape));
    const TensorFacts& meant = meant_.facts(index);
    std::vector<std::byte> scratch;
    const TensorFacts facts = facts_of(now.dtype, contiguous_bytes(written.view(found), scratch),
                                       [this](uint64_t bytes) { progress_.advance(bytes); });
    release_storage(written, now.storage);
    if (facts != meant) refuse(source.name + " has other values");
    if (meant_.has_mask(index)) {
        result_.zeros += meant_.pruned(index);
        result_.pruned.push_back({index, facts.zeros});
        ++result_.tensors_pruned;
    } else if (!meant_.touches(source.storage)) {
        ++result_.tensors_untouched;
    }
}

}  // namespace lacuna
