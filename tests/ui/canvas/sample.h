#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/session/session.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::ui {

/// A detail made by hand, with the weights that it shows.
struct Sample {
    std::shared_ptr<std::vector<float>> weights;
    TensorDetailPtr detail;
};

/// Weight number i is `value(i)`; those with |w| below the threshold at `level` are pruned, ties at the lower index.
template <typename Value>
Sample sample_of(Shape shape, double level, Value value) {
    const auto count = size_t(element_count(shape));
    auto weights = std::make_shared<std::vector<float>>(count);
    for (size_t i = 0; i < count; ++i) (*weights)[i] = value(int64_t(i));
    auto detail = std::make_shared<TensorDetail>();
    detail->weight = contiguous_view(weights->data(), DType::F32, shape);
    std::vector<double> sizes(count);
    for (size_t i = 0; i < count; ++i) sizes[i] = std::abs(double((*weights)[i]));
    std::sort(sizes.begin(), sizes.end());
    auto curve = std::make_shared<ThresholdCurve>();
    for (int i = 0; i <= 100 && count > 0; ++i)
        curve->magnitude.push_back(sizes[std::min(count - 1, size_t(double(count) * i / 100))]);
    Mask mask = Mask::ones(shape);
    if (count > 0) {
        const double threshold = curve->threshold_at(level);
        for (size_t i = 0; i < count; ++i)
            if (std::abs(double((*weights)[i])) < threshold) mask.set(int64_t(i), false);
        detail->curve = curve;
    }
    detail->mask = std::make_shared<const Mask>(std::move(mask));
    detail->kept = detail->mask->kept();
    detail->level = level;
    detail->full_scale = magnitude_scale(detail->weight);
    const auto bins = std::make_shared<WeightBins>(bin_weights(detail->weight, 128));
    detail->pruned_bins =
        std::make_shared<const std::vector<int64_t>>(bin_pruned(detail->weight, *detail->mask, *bins));
    detail->bins = bins;
    detail->magnitude = std::make_shared<const Pyramid>(magnitude_pyramid(detail->weight, detail->full_scale));
    detail->density = std::make_shared<const Pyramid>(density_pyramid(*detail->mask));
    return {weights, detail};
}

/// The same with the weights that are zero in the file known, as a session knows them.
inline Sample with_own_zeros(const Sample& sample) {
    auto detail = std::make_shared<TensorDetail>(*sample.detail);
    detail->nonzero = std::make_shared<const Mask>(*detail->mask & Mask::from_tensor(detail->weight));
    detail->nonzero_density = std::make_shared<const Pyramid>(density_pyramid(*detail->nonzero));
    detail->zero_kept = detail->kept - detail->nonzero->kept();
    return {sample.weights, detail};
}

/// Weights like a trained layer's: a sum of uniform numbers, larger in some rows and columns than in others.
inline Sample trained_sample(Shape shape, double level) {
    const int64_t columns = std::max<int64_t>(1, matrix_shape(shape).columns);
    return sample_of(std::move(shape), level, [columns](int64_t i) {
        uint64_t state = uint64_t(i) * 0x9e3779b97f4a7c15ull + 1;
        double sum = 0;
        for (int k = 0; k < 4; ++k) {
            state ^= state >> 30, state *= 0xbf58476d1ce4e5b9ull, state ^= state >> 27;
            sum += double(state >> 40) / double(1 << 24) - 0.5;
        }
        const double row = double(i / columns), column = double(i % columns);
        return float(0.05 * sum * (0.6 + 0.4 * std::sin(row * 0.07)) * (0.7 + 0.3 * std::cos(column * 0.031)));
    });
}

}  // namespace lacuna::ui
