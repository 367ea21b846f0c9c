#include "engine/session/detail.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna {
namespace {

constexpr int64_t chunk = 1 << 18;  // weights for one thread at a time
constexpr int64_t piece = 2048;     // weights converted at once

void demand_floating(const TensorView& weight) {
    if (!is_floating(weight.dtype))
        throw Error(ErrorKind::argument, "histogram", "is " + std::string(dtype_name(weight.dtype)) + ", not floating");
}

/// Calls body(values, count, first index) for weights [begin, end), a piece at a time.
template <typename Body>
void each_piece(const TensorView& weight, int64_t begin, int64_t end, Body&& body) {
    std::array<double, size_t(piece)> values;
    for (int64_t first = begin; first < end; first += piece) {
        const int64_t last = std::min(end, first + piece);
        read_as_double(weight, first, last, values.data());
        body(values.data(), last - first, first);
    }
}

/// Count, mean and sum of squared deviations, merged without cancellation (Chan, Golub, LeVeque 1979).
struct Moments {
    int64_t count = 0, not_finite = 0;
    double mean = 0, squares = 0;
    double min = std::numeric_limits<double>::infinity(), max = -min;

    void merge(const Moments& other) {
        not_finite += other.not_finite;
        if (other.count == 0) return;
        const double sum = double(count + other.count), difference = other.mean - mean;
        squares += other.squares + difference * difference * (double(count) / sum) * double(other.count);
        mean += difference * (double(other.count) / sum);
        count += other.count;
        min = std::min(min, other.min);
        max = std::max(max, other.max);
    }
};

Moments moments_of(const double* values, int64_t count) {
    Moments result;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
        const bool finite = std::abs(values[i]) <= std::numeric_limits<double>::max();
        sum += finite ? values[i] : 0;
        result.count += finite;
        result.min = finite && values[i] < result.min ? values[i] : result.min;
        result.max = finite && values[i] > result.max ? values[i] : result.max;
    }
    result.not_finite = count - result.count;
    if (result.count == 0) return result;
    result.mean = sum / double(result.count);
    for (int64_t i = 0; i < count; ++i) {
        const bool finite = std::abs(values[i]) <= std::numeric_limits<double>::max();
        result.squares += finite ? (values[i] - result.mean) * (values[i] - result.mean) : 0;
    }
    return result;
}

Moments moments_of(const TensorView& weight) {
    const int64_t count = weight.elements();
    std::vector<Moments> parts(static_cast<size_t>((count + chunk - 1) / chunk));
    parallel_for(count, chunk, [&](int64_t begin, int64_t end) {
        Moments& mine = parts[size_t(begin / chunk)];
        each_piece(weight, begin, end,
                   [&](const double* values, int64_t here, int64_t) { mine.merge(moments_of(values, here)); });
    });
    Moments total;
    for (const Moments& part : parts) total.merge(part);
    return total;
}

/// From a value to its bin.
class Binning {
  public:
    explicit Binning(const WeightBins& bins)
        : low_(bins.low),
          scale_(bins.high > bins.low ? double(bins.all.size()) / (bins.high / 2 - bins.low / 2) / 2 : 0),
          last_(double(bins.all.size()) - 1) {}

    /// The bin of a finite value within the range.
    size_t operator()(double value) const { return size_t(std::clamp((value - low_) * scale_, 0.0, last_)); }

  private:
    double low_, scale_, last_;
};

/// Counts the weights that `wanted(i)` names, i the row-major index.
template <typename Wanted>
std::vector<int64_t> count_bins(const TensorView& weight, const WeightBins& bins, Wanted&& wanted) {
    const Binning bin_of(bins);
    std::vector<int64_t> total(bins.all.size());
    std::mutex mutex;
    parallel_for(weight.elements(), chunk, [&](int64_t begin, int64_t end) {
        std::vector<uint32_t> mine(total.size());
        each_piece(weight, begin, end, [&](const double* values, int64_t count, int64_t first) {
            for (int64_t i = 0; i < count; ++i)
                if (std::isfinite(values[i]) && wanted(first + i)) ++mine[bin_of(values[i])];
        });
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < mine.size(); ++i) total[i] += mine[i];
    });
    return total;
}

}  // namespace

WeightBins bin_weights(const TensorView& weight, int bins) {
    demand_floating(weight);
    if (bins < 1) throw Error(ErrorKind::argument, "histogram", std::to_string(bins) + " bins", "take at least one");
    const Moments moments = moments_of(weight);
    WeightBins result;
    result.all.resize(size_t(bins));
    result.not_finite = moments.not_finite;
    result.low = -1, result.high = 1;
    if (moments.count == 0) return result;
    const double reach = std::max(std::abs(moments.min), std::abs(moments.max));
    if (reach > 1e-300) result.low = -reach, result.high = reach;
    result.min = moments.min, result.max = moments.max, result.mean = moments.mean;
    result.deviation = std::sqrt(moments.squares / double(moments.count));
    result.all = count_bins(weight, result, [](int64_t) { return true; });
    return result;
}

std::vector<int64_t> bin_pruned(const TensorView& weight, const Mask& mask, const WeightBins& bins) {
    demand_floating(weight);
    if (mask.shape() != weight.shape)
        throw Error(ErrorKind::argument, "histogram",
                    "the mask's shape " + to_string(mask.shape()) + " is not the weight's " + to_string(weight.shape));
    return count_bins(weight, bins, [&](int64_t i) { return !mask[i]; });
}

double magnitude_scale(const TensorView& weight) {
    demand_floating(weight);
    constexpr int64_t run = 64, most_runs = 1000000 / run;
    constexpr double percentile = 0.995;
    const int64_t count = weight.elements(), runs = (count + run - 1) / run, taken = std::min(runs, most_runs);
    std::vector<float> sample(static_cast<size_t>(taken * run));
    int64_t filled = 0;
    for (int64_t i = 0; i < taken; ++i) {
        const int64_t first = i * runs / taken * run, last = std::min(count, first + run);  // evenly spread
        read_as_float(weight, first, last, sample.data() + filled);
        filled += last - first;
    }
    sample.resize(size_t(filled));
    for (float& value : sample) value = std::abs(value);
    std::erase_if(sample, [](float value) { return !std::isfinite(value); });
    if (sample.empty()) return 1;
    const auto place = sample.begin() + int64_t(percentile * double(sample.size() - 1));
    std::nth_element(sample.begin(), place, sample.end());
    const float scale = *place > 0 ? *place : *std::max_element(place, sample.end());
    return scale > 0 ? scale : 1;
}

}  // namespace lacuna
