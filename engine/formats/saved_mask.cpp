#include "engine/formats/saved_mask.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/model/prepared_names.h"

namespace lacuna {
namespace {

bool holds_only_0_and_1(const TensorView& view) {
    constexpr int64_t chunk = int64_t(1) << 16, piece = 1024;
    std::atomic<bool> only = true;
    parallel_for(view.elements(), chunk, [&](int64_t begin, int64_t end) {
        std::array<float, size_t(piece)> values;
        for (int64_t first = begin; first < end && only; first += piece) {
            const int64_t last = std::min(end, first + piece);
            read_as_float(view, first, last, values.data());
            const auto is_neither = [](float value) { return value != 0 && value != 1; };
            if (std::any_of(values.begin(), values.begin() + (last - first), is_neither)) only = false;
        }
    });
    return only;
}

MaskPtr read_saved(const Checkpoint& checkpoint, size_t index, const Shape& shape) {
    const TensorView view = checkpoint.view(index);
    const std::string& name = checkpoint.tensors()[index].name;
    if (!holds_only_0_and_1(view))
        throw Error(ErrorKind::format, name, "is a mask that holds other values than 0 and 1",
                    "leave its tensor out of the recipe, or squash it in Python");
    auto saved = std::make_shared<const Mask>(Mask::from_tensor(view));
    release_storage(checkpoint, checkpoint.tensors()[index].storage);
    return in_tensor_shape(saved, shape);
}

}  // namespace

MaskPtr saved_mask(const Checkpoint& checkpoint, size_t tensor) {
    const std::vector<size_t> saved = checkpoint.saved_masks(tensor);
    if (saved.empty()) return nullptr;
    const TensorInfo& info = checkpoint.tensors()[tensor];
    if (const std::string reason = why_masks_unfit(checkpoint, tensor); !reason.empty())
        throw Error(ErrorKind::format, info.name, reason, "leave it out of the recipe, or save the model again");
    MaskPtr mask = read_saved(checkpoint, saved.front(), info.shape);
    for (size_t i = 1; i < saved.size(); ++i)
        mask = std::make_shared<const Mask>(*mask & *read_saved(checkpoint, saved[i], info.shape));
    return mask;
}

MaskPtr readable_saved_mask(const Checkpoint& checkpoint, size_t tensor) {
    try {
        return saved_mask(checkpoint, tensor);
    } catch (const Error&) {
        return nullptr;
    }
}

MaskPtr first_mask(const Checkpoint& checkpoint, size_t tensor) {
    if (MaskPtr saved = saved_mask(checkpoint, tensor)) return saved;
    return std::make_shared<const Mask>(Mask::ones(checkpoint.tensors()[tensor].shape));
}

MaskPtr in_tensor_shape(const MaskPtr& mask, const Shape& tensor) {
    if (mask->shape() == tensor) return mask;
    auto whole = std::make_shared<Mask>(Mask::ones(tensor));
    const int64_t rows = mask->size(), columns = rows > 0 ? whole->size() / rows : 0;
    for (int64_t row = 0; row < rows; ++row)
        if (!(*mask)[row]) whole->set_range(row * columns, (row + 1) * columns, false);
    return whole;
}

MaskPtr in_saved_shape(const MaskPtr& mask, const Shape& saved) {
    if (mask->shape() == saved) return mask;
    Mask rows = Mask::zeros(saved);
    const int64_t columns = rows.size() > 0 ? mask->size() / rows.size() : 0;
    for (int64_t row = 0; row < rows.size(); ++row)
        rows.set(row, mask->kept_in(row * columns, (row + 1) * columns) > 0);
    return std::make_shared<const Mask>(std::move(rows));
}

}  // namespace lacuna
