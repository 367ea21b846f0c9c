#include "engine/sparsifiers/scores.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/parallel.h"
#include "engine/kernels/block_means.h"

namespace lacuna {
namespace {

constexpr int64_t piece = 1024;  // weights converted at once

/// Calls body(weights, count, done) with weights [begin, end) as values of type T, aligned even where the file is not.
template <typename T, typename Body>
void each_piece(const TensorView& weight, int64_t begin, int64_t end, Body&& body) {
    const std::byte* bytes = weight.data + size_t(begin) * sizeof(T);
    if (reinterpret_cast<uintptr_t>(bytes) % alignof(T) == 0)
        return body(reinterpret_cast<const T*>(bytes), end - begin, int64_t(0));
    std::array<T, size_t(piece)> aligned;
    for (int64_t done = 0; done < end - begin; done += piece) {
        const int64_t here = std::min(piece, end - begin - done);
        std::memcpy(aligned.data(), bytes + size_t(done) * sizeof(T), size_t(here) * sizeof(T));
        body(aligned.data(), here, done);
    }
}

void keys_of_others(const TensorView& weight, int64_t begin, int64_t end, bool squared, kernels::Key32* keys) {
    std::array<float, size_t(piece)> values;
    for (int64_t first = begin; first < end; first += piece) {
        const int64_t last = std::min(end, first + piece);
        read_as_float(weight, first, last, values.data());
        kernels::keys_f32(values.data(), last - first, squared, keys + (first - begin));
    }
}

}  // namespace

Scores::Scores(const TensorView& weight, bool squared, const Mask* mask, const ScoreFactors* factors)
    : weight_(weight), size_(weight.elements()), squared_(squared), mask_(mask), factors_(factors) {}

template <typename Key>
void Scores::multiply(int64_t begin, int64_t end, Key* keys) const {
    const int64_t columns = factors_->columns;
    for (int64_t at = begin; at < end;) {
        const int64_t row = at / columns, column = at % columns, here = std::min(end - at, columns - column);
        const double* factors = factors_->values.data() + row / factors_->rows * columns + column;
        kernels::multiply_keys(factors, here, keys + (at - begin));
        at += here;
    }
}

void Scores::read(int64_t begin, int64_t end, kernels::Key32* keys) const {
    switch (weight_.dtype) {
        case DType::F32:
            each_piece<float>(weight_, begin, end, [&](const float* weights, int64_t count, int64_t done) {
                kernels::keys_f32(weights, count, squared_, keys + done);
            });
            break;
        case DType::F16:
            each_piece<uint16_t>(weight_, begin, end, [&](const uint16_t* weights, int64_t count, int64_t done) {
                kernels::keys_f16(weights, count, squared_, keys + done);
            });
            break;
        case DType::BF16:
            each_piece<uint16_t>(weight_, begin, end, [&](const uint16_t* weights, int64_t count, int64_t done) {
                kernels::keys_bf16(weights, count, squared_, keys + done);
            });
            break;
        default:
            keys_of_others(weight_, begin, end, squared_, keys);
    }
    if (factors_) multiply(begin, end, keys);
    if (mask_) kernels::zero_pruned(mask_->words().data(), begin, end - begin, keys);
}

void Scores::read(int64_t begin, int64_t end, kernels::Key64* keys) const {
    if (weight_.dtype != DType::F64) return read_widened(begin, end, keys);
    each_piece<double>(weight_, begin, end, [&](const double* weights, int64_t count, int64_t done) {
        kernels::keys_f64(weights, count, squared_, keys + done);
    });
    if (factors_) multiply(begin, end, keys);
    if (mask_) kernels::zero_pruned(mask_->words().data(), begin, end - begin, keys);
}

void Scores::read_widened(int64_t begin, int64_t end, kernels::Key64* keys) const {
    std::array<kernels::Key32, size_t(piece)> narrow;
    for (int64_t first = begin; first < end; first += piece) {
        const int64_t last = std::min(end, first + piece);
        read(first, last, narrow.data());
        for (int64_t i = 0; i < last - first; ++i)
            keys[first - begin + i] = kernels::key_of(double(kernels::score_of(narrow[size_t(i)])));
    }
}

MatrixShape blocks_of(MatrixShape matrix, BlockShape block) {
    return {(matrix.rows + block.rows - 1) / block.rows, (matrix.columns + block.columns - 1) / block.columns};
}

template <typename Key>
void read_block_keys(const Scores& scores, MatrixShape matrix, BlockShape block, int64_t begin, int64_t end,
                     Key* keys) {
    using Score = decltype(kernels::score_of(Key()));
    const int64_t columns = blocks_of(matrix, block).columns;
    const int64_t strip = std::clamp<int64_t>(4096 / block.columns, 1, columns);  // blocks side by side at once
    std::vector<Score> sums(static_cast<size_t>(strip));
    std::vector<Key> row_keys(static_cast<size_t>(std::min(matrix.columns, strip * block.columns)));
    for (int64_t here = 0; begin < end; begin += here, keys += here) {
        const int64_t top = begin / columns * block.rows, bottom = std::min(matrix.rows, top + block.rows);
        const int64_t first = begin % columns;
        here = std::min({strip, columns - first, end - begin});
        const int64_t left = first * block.columns, right = std::min(matrix.columns, left + here * block.columns);
        std::fill(sums.begin(), sums.end(), Score(0));
        for (int64_t row = top; row < bottom; ++row) {
            scores.read(row * matrix.columns + left, row * matrix.columns + right, row_keys.data());
            kernels::add_row(row_keys.data(), right - left, block.columns, sums.data());
        }
        kernels::mean_keys(sums.data(), bottom - top, right - left, block.columns, keys);
    }
}

template <typename Key>
std::vector<Key> block_keys(const Scores& scores, MatrixShape matrix, BlockShape block) {
    const MatrixShape blocks = blocks_of(matrix, block);
    std::vector<Key> keys(static_cast<size_t>(blocks.rows * blocks.columns));
    const int64_t grain = std::max<int64_t>(1, (int64_t(1) << 18) / (block.rows * block.columns));
    parallel_for(int64_t(keys.size()), grain, [&](int64_t begin, int64_t end) {
        read_block_keys(scores, matrix, block, begin, end, keys.data() + begin);
    });
    return keys;
}

template void read_block_keys(const Scores&, MatrixShape, BlockShape, int64_t, int64_t, kernels::Key32*);
template void read_block_keys(const Scores&, MatrixShape, BlockShape, int64_t, int64_t, kernels::Key64*);
template std::vector<kernels::Key32> block_keys(const Scores&, MatrixShape, BlockShape);
template std::vector<kernels::Key64> block_keys(const Scores&, MatrixShape, BlockShape);

}  // namespace lacuna
