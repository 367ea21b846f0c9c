#include "engine/sparsifiers/arranged.h"

#include <algorithm>

#include "engine/base/numbers.h"

namespace lacuna {

BlockShape block_of(const Options& options) {
    const auto& sides = options.block("sparse_block_shape");
    return {sides[0], sides[1]};
}

BlockShape fitted(BlockShape block, MatrixShape matrix) {
    return {std::clamp<int64_t>(block.rows, 1, std::max<int64_t>(1, matrix.rows)),
            std::clamp<int64_t>(block.columns, 1, std::max<int64_t>(1, matrix.columns))};
}

Arranged::Arranged(const TensorView& weight, const Mask* current, bool along_inner) : weight_(weight) {
    if (current && current->pruned() > 0) current_ = *current;
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

std::string short_group_remark(const Shape& shape, int64_t block, int64_t zeros) {
    if (element_count(shape) == 0) return {};
    const bool convolution = shape.size() > 2;
    const int64_t row = convolution ? shape[1] : matrix_shape(shape).columns;
    const int64_t rest = row % block;
    if (rest == 0 || zeros <= 0 || zeros >= block) return {};
    const std::string pattern = std::to_string(block - zeros) + " of " + std::to_string(block);
    const std::string members = convolution ? counted(row, "input channel") : counted(row, "weight") + " in a row";
    const std::string here = "with " + members + ", " + pattern + " ";
    if (row > block)
        return here + "leaves a rest of " + std::to_string(rest) + " at the end, of which " +
               (rest <= zeros ? "nothing is" : "only " + std::to_string(rest - zeros) + " are") + " kept";
    if (rest <= zeros) return here + "prunes everything: choose another sparsifier for this tensor";
    return here + "keeps only " + std::to_string(rest - zeros) + " of each " + std::to_string(rest);
}

bool runs_along_inner(const BlockRule& rule) {
    return rule.block.rows == 1 && rule.zeros < rule.block.columns;
}

Mask prune_tensor(const TensorView& weight, const Mask* current, bool squared, BlockRule rule) {
    constexpr int64_t largest_padded = 1 << 20;
    const int64_t weights = rule.block.rows * rule.block.columns;
    const bool inside = rule.zeros < weights;
    const Arranged arranged(weight, current, runs_along_inner(rule));
    // ATen's sort sees edge blocks filled up with NaN, which moves its ties
    const bool padded = rule.ties == Ties::aten && rule.aten_order == AtenOrder::sort && weights <= largest_padded;
    if (!inside || !padded) rule.block = fitted(rule.block, arranged.matrix());
    if (!inside) rule.zeros = rule.block.rows * rule.block.columns;
    const auto prune = weight.dtype == DType::F64 ? prune_blocks<kernels::Key64> : prune_blocks<kernels::Key32>;
    return arranged.restored(prune(arranged.scores(squared), arranged.shape(), arranged.matrix(), rule));
}

Mask prune_tensor(const TensorView& weight, const Mask* current, bool squared, const BlockRule& rule,
                  BlockDevice* device) {
    if (!device) return prune_tensor(weight, current, squared, rule);
    if (auto mask = device->prune(weight, current, squared, rule)) return std::move(*mask);
    const std::vector<std::byte> bytes = device->on_host(weight);
    return prune_tensor(contiguous_view(bytes.data(), weight.dtype, weight.shape), current, squared, rule);
}

}  // namespace lacuna
