#include "engine/sparsifiers/custom_norm.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "engine/base/error.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/block_sparsifier.h"
#include "engine/sparsifiers/inside_blocks.h"
#include "engine/sparsifiers/score_option.h"

namespace lacuna {
namespace {

using kernels::Key64;

/// Keys in the order of the scores, which may be negative: NaN last, −0 as 0. They take 32 bits, one more than a Key32.
Key64 ordered(float score) {
    if (std::isnan(score)) return ~uint32_t(0);
    const auto bits = std::bit_cast<uint32_t>(score + 0.0f);
    return bits >> 31 ? ~bits : bits | uint32_t(1) << 31;
}

/// One tensor as the matrix that blocks run over, with every weight's score.
class ScoredMatrix {
  public:
    ScoredMatrix(const MaskRequest& request, const NormFunction& norm, const BlockRule& rule)
        : rule_(rule),
          arranged_(request.weight, nullptr, runs_along_inner(rule)),
          matrix_(arranged_.matrix()),
          scores_(size_t(request.weight.elements())) {
        rule_.block = fitted(rule.block, matrix_);
        std::vector<float> weights(scores_.size());
        read_as_float(arranged_.view(), 0, int64_t(weights.size()), weights.data());
        if (const Mask* current = scored_mask(request); current && current->pruned() > 0) {
            const Mask pruned = arranged_.arranged(*current);
            for (size_t i = 0; i < weights.size(); ++i)
                if (!pruned[int64_t(i)]) weights[i] = 0;
        }
        norm(weights, scores_);
    }

    Mask pruned() const {
        const MatrixShape blocks = blocks_of(matrix_, rule_.block);
        const int64_t count = blocks.rows * blocks.columns;
        std::vector<Key64> means;
        for (int64_t b = 0; b < count; ++b) means.push_back(ordered(mean_of(b)));
        const std::vector<uint64_t> taken = lowest_of(means, blocks_taken(rule_.level, count), rule_.ties);
        Mask mask = mask_without(taken, arranged_.shape(), matrix_, rule_.block);
        if (rule_.zeros < rule_.block.rows * rule_.block.columns) keep_highest(mask);
        return arranged_.restored(std::move(mask));
    }

  private:
    /// Calls visit(index of the weight) for the weights of a block, row by row.
    template <class Visit>
    void each_weight(int64_t block, Visit&& visit) const {
        const int64_t across = blocks_of(matrix_, rule_.block).columns;
        const int64_t top = block / across * rule_.block.rows, left = block % across * rule_.block.columns;
        const int64_t bottom = std::min(matrix_.rows, top + rule_.block.rows);
        const int64_t right = std::min(matrix_.columns, left + rule_.block.columns);
        for (int64_t row = top; row < bottom; ++row)
            for (int64_t column = left; column < right; ++column) visit(row * matrix_.columns + column);
    }

    float mean_of(int64_t block) const {
        float sum = 0;
        int64_t count = 0;
        each_weight(block, [&](int64_t i) {
            sum += scores_[size_t(i)];
            ++count;
        });
        return count == 1 ? sum : sum / float(count);
    }

    /// Keeps all but the lowest weights of each block too.
    void keep_highest(Mask& mask) const {
        const kernels::KeyReader<Key64> keys = [this](int64_t begin, int64_t end, Key64* room) -> const Key64* {
            std::transform(scores_.begin() + begin, scores_.begin() + end, room, ordered);
            return room;
        };
        const std::vector<uint64_t> lowest = lowest_in_each(keys, matrix_, rule_);
        const auto kept = mask.words();
        for (size_t i = 0; i < kept.size(); ++i) kept[i] |= ~lowest[i];
        mask.clear_tail();
    }

    BlockRule rule_;
    Arranged arranged_;
    MatrixShape matrix_;
    std::vector<float> scores_;
};

class CustomNorm final : public BlockSparsifier {
  public:
    explicit CustomNorm(NormFunction norm) : norm_(std::move(norm)) {}

    std::string_view name() const override { return "weight_norm"; }
    std::string_view title() const override { return "Weight norm of one's own"; }
    std::string_view help() const override {
        return "Prunes the blocks of weights with the lowest mean of a norm that the program gave.";
    }
    std::string_view source() const override { return "torch.ao.pruning.WeightNormSparsifier"; }
    std::span<const OptionSpec> options() const override {
        static const std::array specs{level_option(), block_option(), zeros_option(), score_option()};
        return specs;
    }

    Mask compute(const MaskRequest& request) const override {
        demand_fit(request);
        const BlockRule rule = rule_of(request);
        const Shape& shape = request.weight.shape;
        if (element_count(shape) == 0 || !(rule.level > 0) || rule.zeros <= 0) return Mask::ones(shape);
        return ScoredMatrix(request, norm_, rule).pruned();
    }

  private:
    NormFunction norm_;
};

}  // namespace

std::unique_ptr<const Sparsifier> make_weight_norm(NormFunction norm) {
    if (!norm) throw Error(ErrorKind::argument, "norm", "the function is empty", "give one that can be called");
    return std::make_unique<const CustomNorm>(std::move(norm));
}

}  // namespace lacuna
