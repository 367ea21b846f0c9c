#include <algorithm>
#include <array>
#include <optional>

#include "engine/base/error.h"
#include "engine/sparsifiers/block_rule.h"
#include "engine/sparsifiers/inner_last.h"
#include "engine/sparsifiers/level_curve.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {
namespace {

constexpr double largest_side = 1 << 20;

BlockShape block_of(const Options& options) {
    const auto& sides = options.block("sparse_block_shape");
    return {sides[0], sides[1]};
}

/// A block no larger than the matrix prunes the same weights, and needs no room for what is not there.
BlockShape fitted(BlockShape block, MatrixShape matrix) {
    return {std::clamp<int64_t>(block.rows, 1, std::max<int64_t>(1, matrix.rows)),
            std::clamp<int64_t>(block.columns, 1, std::max<int64_t>(1, matrix.columns))};
}

/// The request's weights where the rule can run over them as a matrix, copied only if it cannot do so in place.
class Arranged {
  public:
    Arranged(const MaskRequest& request, bool along_inner) : weight_(request.weight) {
        if (request.options->choice("score") == "masked" && request.current->pruned() > 0) current_ = *request.current;
        if (along_inner && weight_.shape.size() > 2) {
            inner_last_.emplace(weight_);
            weight_ = inner_last_->weight();
            if (current_) current_ = inner_last_->arranged(*current_);
        } else if (!weight_.contiguous()) {
            copy_.resize(dtype_bytes(weight_.dtype, uint64_t(weight_.elements())));
            copy_contiguous(weight_, copy_.data());
            weight_ = contiguous_view(copy_.data(), weight_.dtype, weight_.shape);
        }
    }

    const Shape& shape() const { return weight_.shape; }
    MatrixShape matrix() const { return inner_last_ ? inner_last_->matrix() : matrix_shape(weight_.shape); }
    Scores scores(bool squared) const { return Scores(weight_, squared, current_ ? &*current_ : nullptr); }
    Mask restored(Mask mask) const { return inner_last_ ? inner_last_->restored(mask) : mask; }

  private:
    TensorView weight_;
    std::optional<Mask> current_;
    std::optional<InnerLast> inner_last_;
    std::vector<std::byte> copy_;
};

/// Prunes the blocks with the lowest norm, or the lowest weights inside them (parity.md 1.4).
class WeightNorm final : public Sparsifier {
  public:
    std::string_view name() const override { return "weight_norm"; }
    std::string_view title() const override { return "Weight norm"; }
    std::string_view help() const override {
        return "Prunes the blocks of weights with the lowest mean norm. With fewer zeros than a block has weights it "
               "prunes the lowest weights of those blocks: N:M patterns.";
    }
    std::string_view source() const override { return "torch.ao.pruning.WeightNormSparsifier"; }
    std::span<const OptionSpec> options() const override;

    std::string why_not(const Shape&, DType dtype) const override {
        return is_floating(dtype) ? "" : "is " + std::string(dtype_name(dtype)) + ", not floating";
    }

    void check(const Options& options, const Shape*) const override {
        const BlockShape block = block_of(options);
        const int64_t zeros = options.integer("zeros_per_block"), weights = block.rows * block.columns;
        if (zeros <= weights) return;
        throw Error(ErrorKind::argument, "zeros_per_block",
                    std::to_string(zeros) + " is more than the " + std::to_string(weights) + " weights of a " +
                        std::to_string(block.rows) + "×" + std::to_string(block.columns) + " block",
                    "give at most " + std::to_string(weights) + ", or leave it out for the whole block");
    }

    Options complete(const Options& given) const override {
        Options full = Sparsifier::complete(given);
        const BlockShape block = block_of(full);
        if (!full.has("zeros_per_block")) full.set("zeros_per_block", block.rows * block.columns);
        return full;
    }

    Mask compute(const MaskRequest& request) const override {
        if (const auto reason = why_not(request.weight.shape, request.weight.dtype); !reason.empty())
            throw Error(ErrorKind::argument, std::string(request.name), reason, "leave this tensor out");
        const Options& options = *request.options;
        check(options, &request.weight.shape);
        const BlockShape block = block_of(options);
        const int64_t zeros = options.integer("zeros_per_block"), weights = block.rows * block.columns;
        const Arranged arranged(request, block.rows == 1 && zeros < weights);
        const BlockShape fits = fitted(block, arranged.matrix());
        const BlockRule rule{options.number("sparsity_level"), fits,
                             zeros == weights ? fits.rows * fits.columns : zeros, request.ties};
        const Scores scores = arranged.scores(options.choice("norm") == "2");
        const bool wide = request.weight.dtype == DType::F64;
        const auto prune = wide ? prune_blocks<kernels::Key64> : prune_blocks<kernels::Key32>;
        return arranged.restored(prune(scores, arranged.shape(), arranged.matrix(), rule));
    }

    std::optional<ThresholdCurve> thresholds(const MaskRequest& request) const override {
        if (!why_not(request.weight.shape, request.weight.dtype).empty()) return std::nullopt;
        const Options& options = *request.options;
        const BlockShape block = block_of(options);
        const bool squared = options.choice("norm") == "2";
        const bool inside = options.integer("zeros_per_block") < block.rows * block.columns;
        const Arranged arranged(request, block.rows == 1 && inside);
        const Scores scores = arranged.scores(squared);
        const BlockShape fits = fitted(block, arranged.matrix());
        return request.weight.dtype == DType::F64
                   ? level_curve<kernels::Key64>(scores, arranged.matrix(), fits, squared)
                   : level_curve<kernels::Key32>(scores, arranged.matrix(), fits, squared);
    }
};

std::span<const OptionSpec> WeightNorm::options() const {
    static const std::array specs{
        OptionSpec{.name = "sparsity_level",
                   .type = OptionType::number,
                   .help = "Share of the blocks that is pruned.",
                   .default_value = 0.5,
                   .minimum = 0,
                   .maximum = 1},
        OptionSpec{.name = "sparse_block_shape",
                   .type = OptionType::block_shape,
                   .help = "Rows and columns of a block; convolutions count as O rows of I·kH·kW columns.",
                   .default_value = std::vector<int64_t>{1, 4},
                   .minimum = 1,
                   .maximum = largest_side,
                   .soft_minimum = 1,
                   .soft_maximum = 32},
        OptionSpec{
            .name = "zeros_per_block",
            .type = OptionType::integer,
            .help = "Zeros in each pruned block; fewer than its weights prune the lowest of them (2 of 1×4: 2:4).",
            .default_text = "the whole block",
            .minimum = 0,
            .maximum = largest_side * largest_side,
            .soft_minimum = 0,
            .soft_maximum = 16},
        OptionSpec{.name = "norm",
                   .type = OptionType::choice,
                   .help = "1 scores a weight by its magnitude, 2 by its square.",
                   .default_value = std::string("2"),
                   .choices = {"1", "2"}},
        OptionSpec{
            .name = "score",
            .type = OptionType::choice,
            .help = "masked: pruned weights score 0 and stay pruned; original: every step scores all weights anew.",
            .default_value = std::string("masked"),
            .choices = {"masked", "original"}},
    };
    return specs;
}

}  // namespace

const Sparsifier& weight_norm_sparsifier();
const Sparsifier& weight_norm_sparsifier() {
    static const WeightNorm instance;
    return instance;
}

}  // namespace lacuna
