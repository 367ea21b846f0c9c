#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/session/document.h"

namespace lacuna {

/// One tensor's next mask, to be computed.
struct MaskWork {
    size_t tensor = 0;
    TensorStatePtr state;  ///< that the mask is of
    MaskPtr mask;          ///< result
    std::string problem;   ///< why there is none
};

/// The next slice of previews: the tensor in focus first, then in order, as much as takes a few tens of milliseconds.
std::vector<MaskWork> preview_work(const Document& document, std::optional<size_t> focus);
/// What a step has to compute: every enabled tensor with a rule whose preview is not at hand.
std::vector<MaskWork> step_work(const Document& document);

/// Fills in masks or problems; large tensors one by one with all threads, small ones side by side. Throws Cancelled.
void compute_masks(const Document& document, std::vector<MaskWork>& work, Progress& progress);
/// The same without progress; after a cancellation some masks are missing.
void compute_masks(const Document& document, std::vector<MaskWork>& work, const CancelToken& token);

}  // namespace lacuna
