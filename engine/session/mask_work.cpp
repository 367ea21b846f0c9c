#include "engine/session/mask_work.h"

#include "engine/base/error.h"
#include "engine/session/tensor_loop.h"

namespace lacuna {
namespace {

constexpr int64_t slice_elements = int64_t(8) << 20;

void compute(const Document& document, MaskWork& work) {
    try {
        work.mask = next_mask(document, work.tensor);
    } catch (const Error& error) {
        work.problem = error.what();
    }
}

}  // namespace

std::vector<MaskWork> preview_work(const Document& document, std::optional<size_t> focus) {
    std::vector<MaskWork> work;
    int64_t elements = 0;
    const auto take = [&](size_t i) {
        work.push_back({i, document.tensors[i], nullptr, {}});
        elements += document.info(i).elements();
    };
    if (focus && *focus < document.tensors.size() && document.tensors[*focus]->computing) take(*focus);
    for (size_t i = 0; i < document.tensors.size() && elements < slice_elements; ++i)
        if (document.tensors[i]->computing && i != focus) take(i);
    return work;
}

std::vector<MaskWork> step_work(const Document& document) {
    std::vector<MaskWork> work;
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        const TensorState& state = *document.tensors[i];
        const bool at_hand = state.pending() && !state.computing;
        if (state.sparsifier && !state.frozen && !at_hand) work.push_back({i, document.tensors[i], nullptr, {}});
    }
    return work;
}

void compute_masks(const Document& document, std::vector<MaskWork>& work, Progress& progress) {
    std::vector<int64_t> sizes;
    for (const MaskWork& item : work) sizes.push_back(document.info(item.tensor).elements());
    for_each_tensor(sizes, "Computing masks", progress, [&](size_t i) { compute(document, work[i]); });
}

void compute_masks(const Document& document, std::vector<MaskWork>& work, const CancelToken& token) {
    Progress progress({}, token);
    try {
        compute_masks(document, work, progress);
    } catch (const Cancelled&) {
    }
}

}  // namespace lacuna
