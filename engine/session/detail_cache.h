#pragma once

#include <memory>
#include <string>

#include "engine/session/document.h"

namespace lacuna {

/// Makes the TensorDetail of the tensor in focus and keeps what the next one can use again: weights never change, so
/// their bins and pyramid are made once, and the threshold curve outlives a change of level. One thread at a time.
class DetailCache {
  public:
    /// Throws Cancelled between its parts once `progress` is cancelled.
    TensorDetailPtr make(const Document& document, size_t tensor, Progress& progress);
    void clear() { *this = {}; }

  private:
    void see_weights(const Document& document, size_t tensor, Progress& progress);
    std::shared_ptr<const ThresholdCurve> curve(const Document& document, size_t tensor, const Options& options,
                                                const Progress& progress);

    ModelPtr model_;
    size_t tensor_ = 0;
    TensorView weight_;
    MaskPtr all_;          ///< ones
    MaskPtr own_nonzero_;  ///< the weights that are not zero in the file; null: all
    std::shared_ptr<const WeightBins> bins_;
    double full_scale_ = 0;
    std::shared_ptr<const Pyramid> magnitude_;

    MaskPtr mask_;  ///< that `pruned_bins_` and `density_` are of
    std::shared_ptr<const std::vector<int64_t>> pruned_bins_;
    std::shared_ptr<const Pyramid> density_, nonzero_density_;
    MaskPtr nonzero_;  ///< what `mask_` and `own_nonzero_` both keep; null: `own_nonzero_` is

    const Sparsifier* curve_rule_ = nullptr;
    Options curve_options_;           ///< without the level
    std::vector<size_t> curve_unit_;  ///< outlives a change of focus inside it
    std::shared_ptr<const ThresholdCurve> curve_;
};

}  // namespace lacuna
