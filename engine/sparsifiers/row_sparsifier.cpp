#include "engine/sparsifiers/row_sparsifier.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/row_sums.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

constexpr int64_t rows_together = 8, columns_a_read = 1024;

int64_t row_weights(const Shape& shape) {
    return shape[0] > 0 ? element_count(shape) / shape[0] : 0;
}

/// Rows are read a piece at a time, several of them, so that their sums do not wait for each other.
template <typename Key>
std::vector<double> row_sums(const Arranged& arranged) {
    const Scores scores = arranged.scores(false);
    const int64_t rows = arranged.shape()[0], columns = row_weights(arranged.shape());
    std::vector<double> sums(static_cast<size_t>(rows));
    const int64_t grain = rows_together * std::max<int64_t>(1, (int64_t(1) << 13) / std::max<int64_t>(columns, 1));
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
        std::vector<Key> keys(size_t(rows_together * columns_a_read));
        for (int64_t top = begin; top < end; top += rows_together) {
            const int64_t here = std::min(rows_together, end - top);
            for (int64_t left = 0; left < columns; left += columns_a_read) {
                const int64_t width = std::min(columns_a_read, columns - left);
                for (int64_t row = 0; row < here; ++row) {
                    const int64_t first = (top + row) * columns + left;
                    scores.read(first, first + width, keys.data() + row * columns_a_read);
                }
                kernels::add_scores(keys.data(), here, columns_a_read, width, sums.data() + top);
            }
        }
    });
    return sums;
}

}  // namespace

std::string RowSparsifier::why_not(const Shape& shape, DType dtype) const {
    if (!is_floating(dtype)) return "is " + std::string(dtype_name(dtype)) + ", not floating";
    if (shape.size() >= 2) return {};
    return std::string(name()) + " prunes rows of tensors with two or more dimensions, not " + to_string(shape);
}

void RowSparsifier::check(const Options&, const Shape*) const {}

OptionSpec RowSparsifier::level_option(std::string help) {
    return {.name = sparsity_level_option,
            .type = OptionType::number,
            .help = std::move(help),
            .default_value = 0.5,
            .minimum = 0,
            .maximum = 1};
}

void RowSparsifier::demand_fit(const MaskRequest& request) const {
    if (const auto reason = why_not(request.weight.shape, request.weight.dtype); !reason.empty())
        throw Error(ErrorKind::argument, std::string(request.name), reason, "leave this tensor out");
    check(*request.options, &request.weight.shape);
}

std::vector<double> row_magnitudes(const TensorView& weight, const Mask* mask) {
    const Arranged arranged(weight, mask, false);
    return weight.dtype == DType::F64 ? row_sums<kernels::Key64>(arranged) : row_sums<kernels::Key32>(arranged);
}

void flag_lowest(const std::vector<double>& scores, size_t begin, size_t end, int64_t k, Ties ties, RowFlags& pruned) {
    std::vector<kernels::Key64> keys;
    for (size_t i = begin; i < end; ++i) keys.push_back(kernels::key_of(scores[i]));
    const std::vector<uint64_t> lowest = lowest_of(keys, k, ties);
    for (size_t i = begin; i < end; ++i) pruned[i] |= uint8_t(lowest[(i - begin) / 64] >> (i - begin) % 64 & 1);
}

int64_t rows_truncated(double level, int64_t rows) {
    return std::clamp<int64_t>(int64_t(double(rows) * std::clamp(level, 0.0, 1.0)), 0, rows);
}

void flag_pruned_rows(const Mask& mask, RowFlags& pruned) {
    const int64_t columns = row_weights(mask.shape());
    for (size_t row = 0; row < pruned.size(); ++row)
        pruned[row] |= columns > 0 && mask.kept_in(int64_t(row) * columns, int64_t(row + 1) * columns) == 0;
}

Mask mask_without_rows(const Shape& shape, const RowFlags& pruned) {
    Mask mask = Mask::ones(shape);
    const int64_t columns = row_weights(shape);
    for (size_t row = 0; row < pruned.size(); ++row)
        if (pruned[row]) mask.set_range(int64_t(row) * columns, int64_t(row + 1) * columns, false);
    return mask;
}

}  // namespace lacuna
