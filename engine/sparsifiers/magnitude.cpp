#include <algorithm>
#include <array>
#include <deque>

#include "engine/base/error.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/joint_select.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/block_sparsifier.h"
#include "engine/sparsifiers/level_curve.h"
#include "engine/sparsifiers/score_option.h"

namespace lacuna {
namespace {

using Words = std::vector<uint64_t>;

/// One tensor of a unit, as keys of its blocks.
template <typename Key>
class Part {
  public:
    explicit Part(const MaskRequest& request)
        : arranged_(request.weight, scored_mask(request), false),
          scores_(arranged_.scores(false)),
          block_(fitted(block_of(*request.options), arranged_.matrix())),
          progress_(request.progress) {
        if (progress_) progress_->check();
        if (!single() && scores_.size() > 0) keys_ = block_keys<Key>(scores_, arranged_.matrix(), block_);
    }
    Part(const Part&) = delete;  // scores_ refers to arranged_
    Part& operator=(const Part&) = delete;

    /// Single weights are read from the tensor each time, blocks from their means. Throws Cancelled.
    kernels::KeyRun<Key> run() const {
        if (!single()) return {[this](int64_t begin, int64_t, Key*) { return keys_.data() + begin; }, blocks()};
        return {[this](int64_t begin, int64_t end, Key* scratch) -> const Key* {
                    if (progress_ && progress_->cancelled()) throw Cancelled();
                    scores_.read(begin, end, scratch);
                    return scratch;
                },
                blocks()};
    }
    Mask mask_without(const Words& taken) const {
        if (scores_.size() == 0) return Mask::ones(arranged_.shape());
        return lacuna::mask_without(taken, arranged_.shape(), arranged_.matrix(), block_);
    }

  private:
    bool single() const { return block_ == BlockShape{1, 1}; }
    int64_t blocks() const { return single() ? scores_.size() : int64_t(keys_.size()); }

    Arranged arranged_;
    Scores scores_;
    BlockShape block_;
    const Progress* progress_;
    std::vector<Key> keys_;
};

/// Bits [begin, begin + count) as words of their own.
Words cut_out(const Words& words, int64_t begin, int64_t count) {
    Words part = words_for(count);
    for (int64_t i = 0; i < count; i += 64)
        part[size_t(i / 64)] = kernels::read_bits(words.data(), begin + i, std::min<int64_t>(64, count - i));
    return part;
}

template <typename Key>
std::vector<Mask> prune_unit(std::span<const MaskRequest> unit) {
    std::deque<Part<Key>> parts;
    std::vector<kernels::KeyRun<Key>> runs;
    int64_t total = 0;
    for (const MaskRequest& request : unit) {
        runs.push_back(parts.emplace_back(request).run());
        total += runs.back().count;
    }
    const int64_t k = blocks_taken(unit[0].options->number("sparsity_level"), total, false);
    // ATen's topk over all keys in one piece is what torch.nn.utils.prune.global_unstructured takes.
    const Words taken = lowest_of(kernels::joined<Key>(runs), total, k, unit[0].ties);
    std::vector<Mask> masks;
    int64_t begin = 0;
    for (size_t i = 0; i < unit.size(); begin += runs[i++].count)
        masks.push_back(parts[i].mask_without(cut_out(taken, begin, runs[i].count)));
    return masks;
}

template <typename Key>
ThresholdCurve curve_of_unit(std::span<const MaskRequest> unit) {
    std::deque<Part<Key>> parts;
    std::vector<kernels::KeyRun<Key>> runs;
    for (const MaskRequest& request : unit) runs.push_back(parts.emplace_back(request).run());
    return level_curve<Key>(runs, false);
}

/// Scores of every tensor as doubles if one has them, as a concatenation of them would.
bool has_doubles(std::span<const MaskRequest> unit) {
    return std::any_of(unit.begin(), unit.end(), [](const auto& one) { return one.weight.dtype == DType::F64; });
}

/// Prunes the lowest weights, or blocks of them, of all its tensors together: each tensor loses as much as its weights
/// are low.
class Magnitude final : public BlockSparsifier {
  public:
    std::string_view name() const override { return "magnitude"; }
    std::string_view title() const override { return "Global magnitude"; }
    std::string_view help() const override {
        return "Prunes the weights, or blocks, of lowest magnitude over all tensors that have this rule with the same "
               "options: the level is shared, and tensors with many small weights lose more of them.";
    }
    std::string_view source() const override { return "torch.nn.utils.prune.global_unstructured, L1Unstructured"; }
    std::span<const OptionSpec> options() const override;

    bool spans_tensors() const override { return true; }
    Mask compute(const MaskRequest& request) const override { return std::move(compute_all({&request, 1}).front()); }
    std::vector<Mask> compute_all(std::span<const MaskRequest> unit) const override {
        if (unit.empty()) return {};
        for (const MaskRequest& request : unit) demand_fit(request);
        return has_doubles(unit) ? prune_unit<kernels::Key64>(unit) : prune_unit<kernels::Key32>(unit);
    }

    std::optional<ThresholdCurve> thresholds(const MaskRequest& request) const override {
        return unit_thresholds({&request, 1});
    }
    std::optional<ThresholdCurve> unit_thresholds(std::span<const MaskRequest> unit) const override {
        for (const MaskRequest& request : unit)
            if (!why_not(request.weight.shape, request.weight.dtype).empty()) return std::nullopt;
        return has_doubles(unit) ? curve_of_unit<kernels::Key64>(unit) : curve_of_unit<kernels::Key32>(unit);
    }
};

std::span<const OptionSpec> Magnitude::options() const {
    static const std::array specs = [] {
        std::array all{level_option(), block_option(), score_option()};
        all[0].help = "Share of all weights, or blocks, that is pruned; each tensor may lose more or less.";
        all[1].help = "Blocks compete by their mean magnitude; 1×1: single weights.";
        all[1].default_value = std::vector<int64_t>{1, 1};
        return all;
    }();
    return specs;
}

}  // namespace

const Sparsifier& magnitude_sparsifier();
const Sparsifier& magnitude_sparsifier() {
    static const Magnitude instance;
    return instance;
}

}  // namespace lacuna
