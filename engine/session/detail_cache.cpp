#include "engine/session/detail_cache.h"

#include "engine/base/error.h"
#include "engine/base/numbers.h"
#include "engine/mask/nonzero.h"
#include "engine/session/mask_units.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

constexpr int histogram_bins = 200;
constexpr const char* block_option = "sparse_block_shape";
constexpr int64_t largest_curve = int64_t(1) << 28;  // weights of a unit; more take longer than a line is worth

/// Says in words what a level is a share of, and what the curve's thresholds (ThresholdCurve) are of.
void describe_level(TensorDetail& detail, const Options& options, size_t tensors_in_unit) {
    const bool shaped = options.has(block_option);
    const int64_t rows = shaped ? options.block(block_option)[0] : 1,
                  columns = shaped ? options.block(block_option)[1] : 1;
    const bool blocks = rows * columns > 1;
    const bool squared = options.has("norm") && options.choice("norm") == "2";
    if (blocks) {
        detail.level_of = std::to_string(rows) + "×" + std::to_string(columns) + " blocks";
        detail.threshold_of = squared ? "RMS" : "mean |w|";
    }
    if (tensors_in_unit > 1)
        detail.level_of = counted(int64_t(tensors_in_unit), "tensor") + "' " + (blocks ? detail.level_of : "weights");
}

/// The tensor's options filled in; nothing where it has no rule or they do not fit yet.
std::optional<Options> complete_options(const TensorState& state, const Shape& shape) {
    if (!state.sparsifier) return std::nullopt;
    try {
        Options options = state.sparsifier->complete(state.options);
        state.sparsifier->check(options, &shape);
        return options;
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

void DetailCache::see_weights(const Document& document, size_t tensor, Progress& progress) {
    if (model_ == document.model && tensor_ == tensor && magnitude_) return;
    if (model_ != document.model) clear();
    model_ = document.model;
    tensor_ = tensor;
    bins_ = nullptr;
    mask_ = nullptr;
    pruned_bins_ = nullptr;
    magnitude_ = density_ = nonzero_density_ = nullptr;
    own_nonzero_ = nonzero_ = nullptr;
    weight_ = model_->checkpoint().view(tensor);
    all_ = std::make_shared<const Mask>(Mask::ones(weight_.shape));
    if (zero_test(weight_.dtype)) {
        auto nonzero = std::make_shared<const Mask>(Mask::from_tensor(weight_));
        if (nonzero->kept() < nonzero->size()) own_nonzero_ = std::move(nonzero);
        progress.check();
    }
    if (is_floating(weight_.dtype)) {
        bins_ = std::make_shared<const WeightBins>(bin_weights(weight_, histogram_bins));
        progress.check();
        full_scale_ = magnitude_scale(weight_);
        magnitude_ = std::make_shared<const Pyramid>(magnitude_pyramid(weight_, full_scale_));
        progress.check();
    }
}

std::shared_ptr<const ThresholdCurve> DetailCache::curve(const Document& document, size_t tensor,
                                                         const Options& options, const Progress& progress) {
    const TensorState& state = *document.tensors[tensor];
    std::vector<size_t> unit = unit_of(document.tensors, tensor);
    if (unit.empty()) unit = {tensor};  // frozen
    Options key = options;
    key.erase(sparsity_level_option);
    if (curve_ && curve_rule_ == state.sparsifier && curve_options_ == key && curve_unit_ == unit) return curve_;
    // Of the unpruned weights: after a step, pruned ones score 0 and would pull the line away from where it cut.
    std::vector<Mask> ones;
    int64_t weights = 0;
    for (const size_t member : unit) weights += document.info(member).elements();
    std::optional<ThresholdCurve> made;
    if (unit.size() == 1 || weights <= largest_curve) {
        for (const size_t member : unit) ones.push_back(Mask::ones(document.info(member).shape));
        std::vector<MaskRequest> requests;
        for (size_t i = 0; i < unit.size(); ++i)
            requests.push_back({.weight = model_->checkpoint().view(unit[i]),
                                .current = &ones[i],
                                .options = &options,
                                .ties = document.ties,
                                .name = document.info(unit[i]).name,
                                .progress = &progress});
        made = state.sparsifier->unit_thresholds(requests);
    }
    curve_rule_ = state.sparsifier;
    curve_unit_ = std::move(unit);
    curve_options_ = std::move(key);
    curve_ = made ? std::make_shared<const ThresholdCurve>(std::move(*made)) : nullptr;
    return curve_;
}

TensorDetailPtr DetailCache::make(const Document& document, size_t tensor, Progress& progress) {
    see_weights(document, tensor, progress);
    const TensorState& state = *document.tensors[tensor];
    auto detail = std::make_shared<TensorDetail>();
    detail->tensor = tensor;
    detail->model = model_;
    detail->weight = weight_;
    detail->mask = state.shown ? state.shown : all_;
    detail->kept = state.shown ? state.kept : all_->size();
    detail->pending = state.pending();
    detail->bins = bins_;
    detail->full_scale = full_scale_;
    detail->magnitude = magnitude_;
    if (mask_ != detail->mask || !density_) {
        density_ = std::make_shared<const Pyramid>(density_pyramid(*detail->mask));
        progress.check();
        if (own_nonzero_) {
            nonzero_ = std::make_shared<const Mask>(*detail->mask & *own_nonzero_);
            nonzero_density_ = std::make_shared<const Pyramid>(density_pyramid(*nonzero_));
            progress.check();
        }
        if (bins_)
            pruned_bins_ = std::make_shared<const std::vector<int64_t>>(
                pruned_bins_ ? rebin_pruned(weight_, *detail->mask, *bins_, *mask_, *pruned_bins_)
                             : bin_pruned(weight_, *detail->mask, *bins_));
        mask_ = detail->mask;
        progress.check();
    }
    detail->density = density_;
    detail->nonzero = nonzero_;
    detail->nonzero_density = nonzero_density_;
    detail->zero_kept = nonzero_ ? detail->kept - nonzero_->kept() : 0;
    detail->pruned_bins = pruned_bins_;
    if (const auto options = complete_options(state, weight_.shape)) {
        detail->curve = curve(document, tensor, *options, progress);
        describe_level(*detail, *options, curve_unit_.size());
        if (options->has(sparsity_level_option)) detail->level = options->number(sparsity_level_option);
        detail->scheduled = state.scheduled;
    }
    return detail;
}

}  // namespace lacuna
