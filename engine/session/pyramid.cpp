#include "engine/kernels/pyramid.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/session/detail.h"

namespace lacuna {
namespace {

constexpr int64_t coarse_enough = 64;  // cells along a side
constexpr int stripe_level = 6;        // one thread makes the levels up to this one of 64 rows

/// How a cell's sum becomes a byte: 255 for `full` a weight; strict as in kernels::shade.
struct Shading {
    double full;
    bool strict;
};

std::vector<PyramidLevel> empty_levels(MatrixShape matrix) {
    std::vector<PyramidLevel> levels;
    int64_t rows = matrix.rows, columns = matrix.columns;
    do {
        rows = (rows + 1) / 2;
        columns = (columns + 1) / 2;
        levels.push_back({rows, columns, std::vector<uint8_t>(static_cast<size_t>(rows * columns))});
    } while (rows > coarse_enough || columns > coarse_enough);
    return levels;
}

/// Sums of cells, level by level, depth first: what a row needs of the finer level is made just before it.
/// `Source` fills in the sums of one row of level 1.
template <typename Source>
class Builder {
  public:
    Builder(MatrixShape matrix, Shading shading, const Source& source)
        : matrix_(matrix), shading_(shading), source_(source), levels_(empty_levels(matrix)) {}

    std::vector<PyramidLevel> build() {
        if (matrix_.rows == 0 || matrix_.columns == 0) return std::move(levels_);
        const int top = std::min(stripe_level, int(levels_.size()));
        std::vector<float> sums(level(top).cells.size());
        parallel_for(level(top).rows, 1, [&](int64_t begin, int64_t end) {
            Scratch scratch(*this, top);
            for (int64_t r = begin; r < end; ++r) row(top, r, sums.data() + r * level(top).columns, scratch);
        });
        for (int k = top + 1; k <= int(levels_.size()); ++k) sums = coarser(k, sums);
        return std::move(levels_);
    }

  private:
    /// Two rows of sums for every level below the one that is made, and what the source needs.
    struct Scratch {
        Scratch(const Builder& builder, int top) {
            for (int k = 1; k < top; ++k)
                for (auto* half : {&upper, &lower}) half->emplace_back(static_cast<size_t>(builder.level(k).columns));
        }
        std::vector<std::vector<float>> upper, lower;
        typename Source::Scratch source;
    };

    PyramidLevel& level(int k) { return levels_[size_t(k - 1)]; }
    const PyramidLevel& level(int k) const { return levels_[size_t(k - 1)]; }

    void row(int k, int64_t r, float* sums, Scratch& scratch) {
        if (k == 1) {
            source_.row(2 * r, std::min(matrix_.rows, 2 * r + 2), sums, scratch.source);
        } else {
            float* upper = scratch.upper[size_t(k - 2)].data();
            float* lower = 2 * r + 1 < level(k - 1).rows ? scratch.lower[size_t(k - 2)].data() : nullptr;
            row(k - 1, 2 * r, upper, scratch);
            if (lower) row(k - 1, 2 * r + 1, lower, scratch);
            kernels::add_quads(upper, lower, level(k - 1).columns, sums);
        }
        shade(k, r, sums);
    }

    std::vector<float> coarser(int k, const std::vector<float>& finer) {
        const PyramidLevel& below = level(k - 1);
        std::vector<float> sums(level(k).cells.size());
        for (int64_t r = 0; r < level(k).rows; ++r) {
            const float* upper = finer.data() + 2 * r * below.columns;
            const float* lower = 2 * r + 1 < below.rows ? upper + below.columns : nullptr;
            float* out = sums.data() + r * level(k).columns;
            kernels::add_quads(upper, lower, below.columns, out);
            shade(k, r, out);
        }
        return sums;
    }

    /// The last column's cells may be narrower than the others.
    void shade(int k, int64_t r, const float* sums) {
        PyramidLevel& out = level(k);
        const int64_t side = int64_t(1) << k, height = std::min(side, matrix_.rows - r * side);
        const int64_t whole = matrix_.columns / side;
        uint8_t* bytes = out.cells.data() + r * out.columns;
        shade_run(sums, whole, height * side, bytes);
        shade_run(sums + whole, out.columns - whole, height * (matrix_.columns - whole * side), bytes + whole);
    }

    void shade_run(const float* sums, int64_t count, int64_t weights, uint8_t* bytes) const {
        if (count == 0) return;
        const double scale = shading_.full > 0 ? 255.0 / (shading_.full * double(weights)) : 0;
        kernels::shade(sums, count, float(scale), shading_.strict, float(weights), bytes);
    }

    MatrixShape matrix_;
    Shading shading_;
    const Source& source_;
    std::vector<PyramidLevel> levels_;
};

struct BitSource {
    const Mask& mask;
    int64_t columns;

    struct Scratch {};
    void row(int64_t top, int64_t bottom, float* sums, Scratch&) const {
        const int64_t second = bottom - top > 1 ? (top + 1) * columns : -1;
        kernels::add_bit_quads(mask.words().data(), top * columns, second, columns, sums);
    }
};

struct MagnitudeSource {
    const TensorView& weight;
    int64_t columns;

    struct Scratch {
        std::vector<float> upper, lower;
    };
    void row(int64_t top, int64_t bottom, float* sums, Scratch& scratch) const {
        scratch.upper.resize(size_t(columns));
        scratch.lower.resize(size_t(columns));
        const bool two = bottom - top > 1;
        read_as_float(weight, top * columns, (top + 1) * columns, scratch.upper.data());
        if (two) read_as_float(weight, (top + 1) * columns, (top + 2) * columns, scratch.lower.data());
        kernels::add_magnitude_quads(scratch.upper.data(), two ? scratch.lower.data() : nullptr, columns, sums);
    }
};

template <typename Source>
Pyramid pyramid_of(MatrixShape matrix, Shading shading, const Source& source) {
    return {1, Builder<Source>(matrix, shading, source).build()};
}

}  // namespace

Pyramid density_pyramid(const Mask& mask) {
    const MatrixShape matrix = matrix_shape(mask.shape());
    return pyramid_of(matrix, {1, true}, BitSource{mask, matrix.columns});
}

Pyramid magnitude_pyramid(const TensorView& weight, double full_scale) {
    if (!is_floating(weight.dtype))
        throw Error(ErrorKind::argument, "heat map", "is " + std::string(dtype_name(weight.dtype)) + ", not floating");
    const MatrixShape matrix = matrix_shape(weight.shape);
    return pyramid_of(matrix, {full_scale, false}, MagnitudeSource{weight, matrix.columns});
}

}  // namespace lacuna
