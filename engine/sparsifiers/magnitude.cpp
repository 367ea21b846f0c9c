#include <algorithm>
#include <array>
#include <deque>
#include <numeric>

#include "engine/base/error.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/joint_select.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/block_sparsifier.h"
#include "engine/sparsifiers/cut_search.h"
#include "engine/sparsifiers/level_curve.h"
#include "engine/sparsifiers/score_option.h"
#include "engine/sparsifiers/sparsity_level.h"

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
    }
    Part(const Part&) = delete;  // scores_ refers to arranged_
    Part& operator=(const Part&) = delete;

    int64_t blocks() const {
        const MatrixShape blocks = blocks_of(arranged_.matrix(), block_);
        return scores_.size() == 0 ? 0 : blocks.rows * blocks.columns;
    }
    int64_t weights_a_block() const { return block_.rows * block_.columns; }
    /// Keys of blocks [begin, end). Throws Cancelled.
    void read(int64_t begin, int64_t end, Key* keys) const {
        if (progress_ && progress_->cancelled()) throw Cancelled();
        if (single())
            scores_.read(begin, end, keys);
        else
            read_block_keys(scores_, arranged_.matrix(), block_, begin, end, keys);
    }
    /// Single weights are read from the tensor each time, blocks from their means, which stay here from now on.
    kernels::KeyRun<Key> run() {
        if (!single() && keys_.empty() && blocks() > 0) keys_ = block_keys<Key>(scores_, arranged_.matrix(), block_);
        if (!single()) return {[this](int64_t begin, int64_t, Key*) { return keys_.data() + begin; }, blocks()};
        return {[this](int64_t begin, int64_t end, Key* scratch) -> const Key* {
                    read(begin, end, scratch);
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
    const int64_t k = blocks_taken(unit[0].options->number(sparsity_level_option), total, false);
    // ATen's topk over all keys in one piece is what torch.nn.utils.prune.global_unstructured takes.
    const Words taken = lowest_of(kernels::joined<Key>(runs), total, k, unit[0].ties);
    std::vector<Mask> masks;
    int64_t begin = 0;
    for (size_t i = 0; i < unit.size(); begin += runs[i++].count)
        masks.push_back(parts[i].mask_without(cut_out(taken, begin, runs[i].count)));
    return masks;
}

/// The unit's keys, which refer to it.
template <typename Key>
UnitKeys<Key> keys_of(std::span<const MaskRequest> unit) {
    UnitKeys<Key> keys;
    for (const MaskRequest& request : unit) {
        const Part<Key> part(request);
        keys.weights.push_back(request.weight.elements());
        keys.counts.push_back(part.blocks());
        keys.weights_a_key = std::max(keys.weights_a_key, part.weights_a_block());
    }
    keys.open = [unit](size_t i, const auto& look) {
        Part<Key> part(unit[i]);
        look(part.run().read);
    };
    keys.read = [unit](size_t i, int64_t begin, int64_t end, Key* out) { Part<Key>(unit[i]).read(begin, end, out); };
    return keys;
}

template <typename Key>
class MagnitudeCut final : public JointCut {
  public:
    MagnitudeCut(std::span<const MaskRequest> unit, Progress& progress, const TensorsLeft& left) {
        const UnitKeys<Key> keys = keys_of<Key>(unit);
        const int64_t total = std::accumulate(keys.counts.begin(), keys.counts.end(), int64_t(0));
        cuts_ =
            find_cuts(keys, blocks_taken(unit[0].options->number(sparsity_level_option), total, false), progress, left);
    }
    Mask mask(size_t i, const MaskRequest& request) const override {
        Part<Key> part(request);
        const kernels::KeyRun<Key> run = part.run();
        Words taken = words_for(run.count);
        kernels::mark_below(run.read, run.count, cuts_[i], taken.data());
        return part.mask_without(taken);
    }

  private:
    std::vector<kernels::Cut<Key>> cuts_;
};

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

    /// Under `masked`, what a step prunes scores 0 at the next one. It is what was lowest, by score and then by place,
    /// so that it is still that, in the same order; as long as the level does not fall the next step prunes it again
    /// and the lowest of the others behind it, as it would have done at once.
    bool has_cut(const Options& options, std::span<const double> levels, Ties ties) const override {
        return ties == Ties::lowest &&
               (options.choice("score") == "original" || std::is_sorted(levels.begin(), levels.end()));
    }
    std::unique_ptr<JointCut> find_cut(std::span<const MaskRequest> unit, Progress& progress,
                                       const TensorsLeft& left) const override {
        for (const MaskRequest& request : unit) demand_fit(request);
        if (has_doubles(unit)) return std::make_unique<MagnitudeCut<kernels::Key64>>(unit, progress, left);
        return std::make_unique<MagnitudeCut<kernels::Key32>>(unit, progress, left);
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
