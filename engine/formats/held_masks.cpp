#include "engine/base/error.h"
#include "engine/formats/mask_source.h"
#include "engine/model/model.h"
#include "engine/model/prepared_names.h"

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
        if (const auto original = checkpoint.mask_of(*index))
            throw Error(ErrorKind::argument, name,
                        "cannot be pruned: it is the mask of " + checkpoint.tensors()[*original].name,
                        "give the mask of that tensor");
        if (const std::string reason = why_masks_unfit(checkpoint, *index); !reason.empty())
            throw Error(ErrorKind::format, name, reason, "give no mask for it, or save the model again");
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
