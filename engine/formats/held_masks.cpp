#include "engine/base/error.h"
#include "engine/formats/mask_source.h"
#include "engine/model/model.h"

namespace lacuna {

HeldMasks::HeldMasks(const Checkpoint& checkpoint, const MaskSet& masks) {
    for (const auto& [name, mask] : masks) {
        const auto index = checkpoint.find(name);
        if (!index)
            throw Error(ErrorKind::argument, name, "there is a mask for it, but no such tensor",
                        "masks belong to the checkpoint they were made for");
        const TensorInfo& tensor = checkpoint.tensors()[*index];
        if (mask->shape() != tensor.shape)
            throw Error(
                ErrorKind::argument, name,
                "its mask is of shape " + to_string(mask->shape()) + ", the tensor of " + to_string(tensor.shape),
                "masks belong to the checkpoint they were made for");
        if (const std::string reason = why_not_prunable(tensor); !reason.empty() && mask->pruned() > 0)
            throw Error(ErrorKind::argument, name, "cannot be pruned: it " + reason);
        masked_.push_back(*index);
        by_tensor_.emplace(*index, mask);
    }
}

std::vector<MaskPtr> HeldMasks::masks(std::span<const size_t> tensors) {
    std::vector<MaskPtr> found;
    for (const size_t tensor : tensors) found.push_back(by_tensor_.at(tensor));
    return found;
}

}  // namespace lacuna
