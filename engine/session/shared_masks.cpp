#include "engine/session/shared_masks.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "engine/tensor/runs.h"

namespace lacuna {
namespace {

/// Calls `visit(i, byte)` for element i of the tensor, in row-major order, with the place of its first byte in the
/// storage.
template <class Visit>
void for_each_place(const TensorInfo& info, Visit&& visit) {
    const auto size = int64_t(dtype_bytes(info.dtype, 1));
    int64_t i = 0;
    for_each_run(info.shape, info.strides, 0, info.elements(), [&](int64_t offset, int64_t stride, int64_t count) {
        for (int64_t k = 0; k < count; ++k, ++i) visit(i, info.offset + uint64_t((offset + k * stride) * size));
    });
}

/// A masked tensor that lies in a storage.
struct Sharer {
    const TensorInfo* info;
    MaskPtr* mask;
};

/// True where a place in the storage may be several elements of the tensor, as in an expanded view.
bool may_repeat(const TensorInfo& info) {
    std::vector<std::pair<int64_t, int64_t>> steps;  // stride and length of each dimension that moves
    for (size_t d = 0; d < info.shape.size(); ++d)
        if (info.shape[d] > 1) steps.emplace_back(info.strides[d], info.shape[d]);
    std::sort(steps.begin(), steps.end());
    int64_t covered = 1;
    for (const auto& [stride, length] : steps) {
        if (stride < covered) return true;
        covered += stride * (length - 1);
    }
    return false;
}

/// Tied weights: one tensor under several names.
bool in_the_same_places(const std::vector<Sharer>& sharers) {
    const TensorInfo& first = *sharers.front().info;
    return std::all_of(sharers.begin(), sharers.end(), [&](const Sharer& sharer) {
        const TensorInfo& info = *sharer.info;
        return info.offset == first.offset && info.dtype == first.dtype && info.shape == first.shape &&
               info.strides == first.strides;
    });
}

void unite_tied(const std::vector<Sharer>& sharers) {
    Mask kept = **sharers.front().mask;
    for (const Sharer& sharer : sharers) kept = kept & **sharer.mask;
    const auto all = std::make_shared<const Mask>(std::move(kept));
    for (const Sharer& sharer : sharers) *sharer.mask = all;
}

void unite(const std::vector<Sharer>& sharers, uint64_t storage_bytes) {
    if (in_the_same_places(sharers) && !may_repeat(*sharers.front().info)) return unite_tied(sharers);
    std::vector<bool> pruned(storage_bytes);
    for (const Sharer& sharer : sharers) {
        const Mask& mask = **sharer.mask;
        for_each_place(*sharer.info, [&](int64_t i, uint64_t byte) {
            if (!mask[i]) pruned[byte] = true;
        });
    }
    for (const Sharer& sharer : sharers) {
        Mask mask = **sharer.mask;
        for_each_place(*sharer.info, [&](int64_t i, uint64_t byte) {
            if (pruned[byte]) mask.set(i, false);
        });
        *sharer.mask = std::make_shared<const Mask>(std::move(mask));
    }
}

}  // namespace

void spread_over_shared_storage(const Checkpoint& checkpoint, MaskSet& masks) {
    std::unordered_map<uint64_t, std::vector<Sharer>> by_storage;
    for (auto& [name, mask] : masks) {
        const TensorInfo& info = checkpoint.tensors()[checkpoint.find(name).value()];
        by_storage[info.storage].push_back({&info, &mask});
    }
    for (const auto& [storage, sharers] : by_storage)
        if (sharers.size() > 1 || may_repeat(*sharers.front().info))
            unite(sharers, checkpoint.storages()[storage].bytes);
}

}  // namespace lacuna
