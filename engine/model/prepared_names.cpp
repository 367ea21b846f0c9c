#include "engine/model/prepared_names.h"

#include "engine/base/error.h"
#include "engine/mask/mask_values.h"

namespace lacuna {
namespace {

constexpr std::string_view folder = "parametrizations.", original = ".original", pruned = "_orig", mask = ".mask",
                           pruned_mask = "_mask";

/// Where "parametrizations." begins as a part of its own; npos if it does not.
size_t folder_in(std::string_view name) {
    const size_t at = name.rfind(folder);
    return at == 0 || (at != std::string_view::npos && name[at - 1] == '.') ? at : std::string_view::npos;
}

}  // namespace

bool is_parametrization(std::string_view name) {
    return folder_in(name) != std::string_view::npos;
}

std::string unprepared_name(std::string_view name) {
    if (name.ends_with(pruned)) return std::string(name.substr(0, name.size() - pruned.size()));
    const size_t at = folder_in(name);
    if (at == std::string_view::npos || !name.ends_with(original) ||
        name.size() <= at + folder.size() + original.size())
        return std::string(name);
    std::string plain(name.substr(0, at));
    plain += name.substr(at + folder.size());
    plain.resize(plain.size() - original.size());
    return plain;
}

std::optional<std::string> original_of_mask(std::string_view name) {
    if (name.ends_with(pruned_mask))
        return std::string(name.substr(0, name.size() - pruned_mask.size())) + std::string(pruned);
    const size_t at = folder_in(name);
    if (at == std::string_view::npos || !name.ends_with(mask)) return std::nullopt;
    const size_t end = name.size() - mask.size(), begin = at + folder.size();
    const size_t dot = end > begin ? name.substr(0, end).rfind('.') : std::string_view::npos;
    if (dot == std::string_view::npos || dot <= begin || dot + 1 == end) return std::nullopt;
    if (name.substr(0, end).find_first_not_of("0123456789", dot + 1) != std::string_view::npos) return std::nullopt;
    return std::string(name.substr(0, dot)) + std::string(original);
}

std::string why_no_mask_of(const TensorInfo& mask, const TensorInfo& tensor) {
    if (!can_hold_mask(mask.dtype)) return "is of type " + std::string(dtype_name(mask.dtype));
    const bool rows = tensor.shape.size() > 1 && mask.shape == Shape{tensor.shape[0]};
    if (rows || mask.shape == tensor.shape) return "";
    return "has shape " + to_string(mask.shape) + ", the tensor " + to_string(tensor.shape);
}

std::string why_masks_unfit(const Checkpoint& checkpoint, size_t tensor) {
    for (const size_t index : checkpoint.saved_masks(tensor)) {
        const TensorInfo& saved = checkpoint.tensors()[index];
        if (const std::string reason = why_no_mask_of(saved, checkpoint.tensors()[tensor]); !reason.empty())
            return "the file's mask of it, " + saved.name + ", " + reason;
    }
    return "";
}

std::optional<size_t> find_prepared(const Checkpoint& checkpoint, std::string_view fqn) {
    if (const auto exact = checkpoint.find(fqn)) return exact;
    const std::vector<size_t> found = checkpoint.prepared(fqn);
    if (found.size() > 1)
        throw Error(ErrorKind::argument, std::string(fqn),
                    "is what both " + checkpoint.tensors()[found[0]].name + " and " +
                        checkpoint.tensors()[found[1]].name + " are called in the plain model",
                    "use the name in the file");
    return found.empty() ? std::nullopt : std::optional(found[0]);
}

}  // namespace lacuna
