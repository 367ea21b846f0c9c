#include "engine/sparsifiers/level_curve.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "engine/base/parallel.h"

namespace lacuna {
namespace {

constexpr int levels = 1024;
constexpr int mantissa_bits = 7;  // of the bins: 128 to each power of two

/// Bins of scores by their upper bits.
template <typename Key>
struct Bins {
    static constexpr int shift = sizeof(Key) == 4 ? 23 - mantissa_bits : 52 - mantissa_bits;
    static constexpr Key infinity = sizeof(Key) == 4 ? Key(0x7f800000) : Key(0x7ff0000000000000);
    static constexpr size_t count = size_t(infinity >> shift);  // finite scores only

    std::vector<int64_t> blocks = std::vector<int64_t>(count);
    int64_t not_finite = 0;

    static double edge(size_t bin) {
        const Key key = bin < count ? Key(bin) << shift : infinity - 1;
        return double(kernels::score_of(key));
    }
};

template <typename Key>
void count_blocks(const kernels::KeyReader<Key>& reader, int64_t count, Bins<Key>& bins) {
    std::mutex mutex;
    constexpr int64_t grain = 1 << 20;
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        std::vector<uint32_t> mine(Bins<Key>::count);
        int64_t not_finite = 0;
        std::vector<Key> scratch(static_cast<size_t>(kernels::keys_a_read));
        for (int64_t first = begin; first < end; first += kernels::keys_a_read) {
            const int64_t last = std::min(end, first + kernels::keys_a_read);
            const Key* keys = reader(first, last, scratch.data());
            for (int64_t i = 0; i < last - first; ++i) {
                if (keys[i] < Bins<Key>::infinity)
                    ++mine[size_t(keys[i] >> Bins<Key>::shift)];
                else
                    ++not_finite;
            }
        }
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < mine.size(); ++i) bins.blocks[i] += mine[i];
        bins.not_finite += not_finite;
    });
}

template <typename Key>
ThresholdCurve curve_of(const Bins<Key>& bins, int64_t count, bool squared) {
    ThresholdCurve curve;
    curve.magnitude.reserve(levels + 1);
    const int64_t finite = count - bins.not_finite;
    size_t bin = 0;
    int64_t below = 0;
    for (int i = 0; i <= levels; ++i) {
        const double rank = std::min(double(count) * i / levels, double(finite));
        while (bin + 1 < bins.blocks.size() && double(below + bins.blocks[bin]) < rank) below += bins.blocks[bin++];
        const double inside = bins.blocks[bin] > 0 ? (rank - double(below)) / double(bins.blocks[bin]) : 0;
        const double low = Bins<Key>::edge(bin), high = Bins<Key>::edge(bin + 1);
        const double score = finite > 0 ? low + (high - low) * std::clamp(inside, 0.0, 1.0) : 0;
        curve.magnitude.push_back(squared ? std::sqrt(score) : score);
    }
    return curve;
}

}  // namespace

template <typename Key>
ThresholdCurve level_curve(const Scores& scores, MatrixShape matrix, BlockShape block, bool squared) {
    kernels::KeyRun<Key> run{scores.reader<Key>(), scores.size()};
    std::vector<Key> keys;
    if (block != BlockShape{1, 1}) {
        if (scores.size() > 0) keys = block_keys<Key>(scores, matrix, block);
        run = {[&](int64_t begin, int64_t, Key*) { return keys.data() + begin; }, int64_t(keys.size())};
    }
    return level_curve<Key>(std::span<const kernels::KeyRun<Key>>(&run, 1), squared);
}

template <typename Key>
ThresholdCurve level_curve(std::span<const kernels::KeyRun<Key>> runs, bool squared) {
    Bins<Key> bins;
    int64_t total = 0;
    for (const auto& run : runs) {
        count_blocks(run.read, run.count, bins);
        total += run.count;
    }
    return curve_of(bins, total, squared);
}

template ThresholdCurve level_curve<kernels::Key32>(const Scores&, MatrixShape, BlockShape, bool);
template ThresholdCurve level_curve<kernels::Key64>(const Scores&, MatrixShape, BlockShape, bool);
template ThresholdCurve level_curve(std::span<const kernels::KeyRun<kernels::Key32>>, bool);
template ThresholdCurve level_curve(std::span<const kernels::KeyRun<kernels::Key64>>, bool);

}  // namespace lacuna
