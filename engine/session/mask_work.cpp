#include "engine/session/mask_work.h"

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna {
namespace {

constexpr int64_t slice_elements = int64_t(8) << 20;
constexpr int64_t large_elements = int64_t(1) << 18;  ///< from here on a tensor alone keeps every thread busy

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
    progress.begin("Computing masks", work.size(), "tensors");
    std::vector<MaskWork*> small;
    for (MaskWork& item : work) {
        if (document.info(item.tensor).elements() < large_elements) {
            small.push_back(&item);
            continue;
        }
        compute(document, item);
        progress.advance();
    }
    constexpr size_t batch = 256;
    for (size_t begin = 0; begin < small.size(); begin += batch) {
        const size_t count = std::min(batch, small.size() - begin);
        parallel_for(int64_t(count), 4, [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; ++i) compute(document, *small[begin + size_t(i)]);
        });
        progress.advance(count);
    }
}

void compute_masks(const Document& document, std::vector<MaskWork>& work, const CancelToken& token) {
    Progress progress({}, token);
    try {
        compute_masks(document, work, progress);
    } catch (const Cancelled&) {
    }
}

}  // namespace lacuna
