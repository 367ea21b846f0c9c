#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/session/document.h"

namespace lacuna {

/// The next masks of a unit (mask_units.h), which is mostly one tensor, to be computed.
struct MaskWork {
    std::vector<size_t> tensors;
    std::vector<TensorStatePtr> states;  ///< that the masks are of
    std::vector<MaskPtr> masks;          ///< result; empty: there is none
    std::string problem;                 ///< why
};

/// The next slice of previews: the unit of the tensor in focus first, then in order, as much as takes a few tens of
/// milliseconds, but at least one unit. `calibrating`: units that a calibration on its way is for are left for later.
std::vector<MaskWork> preview_work(const Document& document, std::optional<size_t> focus, bool calibrating);
/// What a step has to compute: every unit with an enabled tensor whose preview is not at hand.
std::vector<MaskWork> step_work(const Document& document);

/// Fills in masks or problems; large units one by one with all threads, small ones side by side. Throws Cancelled.
void compute_masks(const Document& document, std::vector<MaskWork>& work, Progress& progress);
/// The same without progress; after a cancellation some masks are missing.
void compute_masks(const Document& document, std::vector<MaskWork>& work, const CancelToken& token);

}  // namespace lacuna
