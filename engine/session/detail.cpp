#include "engine/session/detail.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <mutex>
#include <span>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/bins.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/popcount.h"

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
    const kernels::Range range = kernels::range_of(values, count);
    if (range.finite == 0) return {.not_finite = count};
    const double mean = range.sum / double(range.finite);
    return {.count = range.finite,
            .not_finite = count - range.finite,
            .mean = mean,
            .squares = kernels::squares_about(values, count, mean),
            .min = range.min,
            .max = range.max};
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

void demand_same_shape(const Mask& mask, const TensorView& weight) {
    if (mask.shape() != weight.shape)
        throw Error(ErrorKind::argument, "histogram",
                    "the mask's shape " + to_string(mask.shape()) + " is not the weight's " + to_string(weight.shape));
}

using Found = std::array<int32_t, size_t(piece)>;

/// Finds the bins of a piece of weights.
class Binning {
  public:
    explicit Binning(const WeightBins& bins) : low_(bins.low), last_(int32_t(bins.all.size()) - 1) {
        const double half = bins.high / 2 - bins.low / 2;  // of the range, which may itself be more than a double holds
        scale_ = half > 0 ? double(bins.all.size()) / half / 2 : 0;
    }
    /// Those of at most `piece` values, one past the last for what is not finite; `found` has room for them.
    std::span<const int32_t> find(const double* values, int64_t count, Found& found) const {
        kernels::find_bins(values, count, low_, scale_, last_, found.data());
        return {found.data(), size_t(count)};
    }

  private:
    double low_, scale_;
    int32_t last_;
};

/// Calls count(bins, count, first index, counters) for the bins of every piece; gives the sum of the counters, which
/// are one more than the bins: the last is for what is not finite.
template <typename Count>
std::vector<int64_t> count_bins(const TensorView& weight, const WeightBins& bins, Count&& count) {
    const Binning binning(bins);
    std::vector<int64_t> total(bins.all.size() + 1);
    std::mutex mutex;
    parallel_for(weight.elements(), chunk, [&](int64_t begin, int64_t end) {
        std::vector<uint32_t> mine(total.size());
        Found found;
        each_piece(weight, begin, end, [&](const double* values, int64_t here, int64_t first) {
            count(binning.find(values, here, found).data(), here, first, mine.data());
        });
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < mine.size(); ++i) total[i] += mine[i];
    });
    total.pop_back();
    return total;
}

/// Moves the values whose bits are in `words` and not in `others` to `out`; gives their number.
int64_t pick(const double* values, const uint64_t* words, const uint64_t* others, int64_t count, double* out) {
    double* end = out;
    for (int64_t i = 0; i < count; ++i)
        for (uint64_t bits = words[i] & ~others[i]; bits != 0; bits &= bits - 1)
            *end++ = values[i * 64 + std::countr_zero(bits)];
    return end - out;
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
    result.all = count_bins(weight, result, [](const int32_t* found, int64_t count, int64_t, uint32_t* counters) {
        for (int64_t i = 0; i < count; ++i) ++counters[found[i]];
    });
    return result;
}

std::vector<int64_t> bin_pruned(const TensorView& weight, const Mask& mask, const WeightBins& bins) {
    demand_floating(weight);
    demand_same_shape(mask, weight);
    const uint64_t* words = mask.words().data();
    return count_bins(weight, bins, [&](const int32_t* found, int64_t count, int64_t first, uint32_t* counters) {
        for (int64_t i = 0; i < count; i += 64) {
            const int64_t here = std::min<int64_t>(64, count - i);
            uint64_t pruned = ~kernels::read_bits(words, first + i, here) & kernels::low_bits(here);
            for (; pruned != 0; pruned &= pruned - 1) ++counters[found[i + std::countr_zero(pruned)]];
        }
    });
}

std::vector<int64_t> rebin_pruned(const TensorView& weight, const Mask& mask, const WeightBins& bins,
                                  const Mask& before, std::vector<int64_t> counts) {
    demand_floating(weight);
    demand_same_shape(mask, weight);
    demand_same_shape(before, weight);
    const uint64_t *now = mask.words().data(), *then = before.words().data();
    const int64_t changes = kernels::count_differences(now, then, int64_t(mask.words().size()));
    if (changes > weight.elements() / 8) return bin_pruned(weight, mask, bins);
    const Binning binning(bins);
    std::mutex mutex;
    parallel_for(weight.elements(), chunk, [&](int64_t begin, int64_t end) {
        std::vector<int64_t> mine(counts.size() + 1);
        std::array<double, size_t(piece)> values, changed;
        Found found;
        for (int64_t first = begin; first < end; first += piece) {
            const int64_t last = std::min(end, first + piece), words = (last - first + 63) / 64;
            if (kernels::count_differences(now + first / 64, then + first / 64, words) == 0) continue;
            read_as_double(weight, first, last, values.data());
            const int64_t pruned = pick(values.data(), then + first / 64, now + first / 64, words, changed.data());
            for (const int32_t bin : binning.find(changed.data(), pruned, found)) ++mine[size_t(bin)];
            const int64_t kept = pick(values.data(), now + first / 64, then + first / 64, words, changed.data());
            for (const int32_t bin : binning.find(changed.data(), kept, found)) --mine[size_t(bin)];
        }
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < counts.size(); ++i) counts[i] += mine[i];
    });
    return counts;
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
