// Compiled together with engine/kernels once for each level of x86-64: see compare.cpp.
#include "tests/kernels/levels/cases.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/kernels/band.h"
#include "engine/kernels/bins.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/block_means.h"
#include "engine/kernels/crowded_groups.h"
#include "engine/kernels/distances.h"
#include "engine/kernels/look_about.h"
#include "engine/kernels/nm_mask.h"
#include "engine/kernels/popcount.h"
#include "engine/kernels/pyramid.h"
#include "engine/kernels/radix_select.h"
#include "engine/kernels/random_keys.h"
#include "engine/kernels/select_mask.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t count = 70007;  // over the least that a cut is guessed for, and no multiple of anything

/// Random numbers that every build draws alike.
class Source {
  public:
    uint64_t next() {
        state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
        return state_;
    }
    template <typename T>
    std::vector<T> fill(int64_t size) {
        std::vector<T> values(static_cast<size_t>(size));
        for (T& value : values) value = T(next());
        return values;
    }
    /// Any bits as floats: NaN, infinities and subnormals among them; every third a plain weight.
    std::vector<float> floats() {
        std::vector<float> values;
        for (int64_t i = 0; i < count; ++i)
            values.push_back(i % 3 ? std::bit_cast<float>(uint32_t(next())) : float(int32_t(next())) * 0x1p-33f);
        return values;
    }
    std::vector<double> doubles() {
        std::vector<double> values;
        for (int64_t i = 0; i < count; ++i)
            values.push_back(i % 3 ? std::bit_cast<double>(next()) : double(int64_t(next())) * 0x1p-65);
        return values;
    }

  private:
    uint64_t state_ = 88172645463325252;
};

/// Hands results on.
struct Results {
    TakeCase* take;
    void* to;

    template <typename T>
    void add(const std::string& name, const std::vector<T>& values) const {
        take(name.c_str(), values.data(), values.size() * sizeof(T), to);
    }
};

template <typename Key, typename Weight>
std::vector<Key> keys_of(void (*kernel)(const Weight*, int64_t, bool, Key*), const std::vector<Weight>& weights,
                         bool squared) {
    std::vector<Key> keys(weights.size());
    kernel(weights.data(), int64_t(weights.size()), squared, keys.data());
    return keys;
}

template <typename Key>
void run_selections(const Results& results, const std::string& name, std::vector<Key> keys,
                    const std::vector<uint64_t>& mask) {
    for (const bool half_pruned : {false, true}) {
        if (half_pruned) zero_pruned(mask.data(), 0, int64_t(keys.size()), keys.data());
        const std::string which = name + (half_pruned ? " half pruned" : "");
        results.add(which, keys);
        const KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
        for (const int64_t tenths : {1, 5, 9}) {
            std::vector<uint64_t> words((keys.size() + 63) / 64, ~uint64_t(0));
            select_lowest(reader, count, count * tenths / 10, words.data());
            results.add(which + " lowest of all", words);
        }
        const Bracket<Key> bracket{keys[77], Key(keys[77] + nan_key<Key> / 50)};
        const Looked<Key> looked = look_about(reader, count, bracket, count);
        results.add(which + " about a bracket",
                    std::vector<int64_t>{looked.below, looked.at_low, looked.inside, looked.at_high});
        results.add(which + " in a bracket", looked.found);
        for (const int64_t few : {100, 5000}) {
            std::vector<uint64_t> words(size_t((few + 63) / 64), ~uint64_t(0));
            select_lowest(reader, few, few * 4 / 10, words.data());
            results.add(which + " lowest of few", words);
        }
        for (const int64_t group : {2, 4, 8, 16, 5, 64, 700}) {
            std::vector<uint64_t> words((keys.size() + 63) / 64, ~uint64_t(0));
            LowestOfGroups<Key>(group, (group + 1) / 2).mark(keys.data(), count, words.data());
            results.add(which + " lowest of each " + std::to_string(group), words);
        }
        for (const int64_t width : {1, 4, 7}) {
            const int64_t columns = 203, blocks = columns / width * 80;
            std::vector<uint64_t> words(static_cast<size_t>(blocks));
            std::vector<uint8_t> choices(words.size());
            LowestOfBlocks<Key>(4, width, 3)
                .find(keys.data(), {columns, columns / width, blocks}, words.data(), choices.data());
            results.add(which + " lowest of blocks of 4 by " + std::to_string(width), words);
            results.add(which + " choices among equals", choices);
        }
    }
}

/// Scores of one kind: some blocks' sums overflow and become infinite, others meet NaN.
template <typename Score, typename Key>
void run_blocks(const Results& results, const std::string& name, const std::vector<Key>& keys) {
    for (const int64_t width : {1, 2, 3, 4, 8, 16, 100}) {
        const int64_t columns = count / 4, blocks = (columns + width - 1) / width;
        std::vector<Score> sums(static_cast<size_t>(blocks));
        for (int64_t row = 0; row < 4; ++row) add_row(keys.data() + row * columns, columns, width, sums.data());
        std::vector<Key> means(sums.size());
        mean_keys(sums.data(), 4, columns, width, means.data());
        results.add(name + " means of blocks of " + std::to_string(width), means);
    }
}

void run_masks(const Results& results, const std::vector<uint64_t>& mask, const std::vector<uint64_t>& bytes) {
    for (const int size : {1, 2, 4, 8, 16}) {
        const int64_t elements = int64_t(bytes.size()) * 8 / size;
        std::vector<uint64_t> out(bytes.size());
        select_mask(reinterpret_cast<const std::byte*>(bytes.data()), mask.data(), std::min(elements, count), size,
                    reinterpret_cast<std::byte*>(out.data()));
        results.add("masked elements of " + std::to_string(size), out);
    }
    std::vector<uint64_t> band((300 * 233 + 63) / 64);
    set_band(band.data(), 300, 233, 7);
    results.add("band", band);
    std::vector<Key64> drawn(1003);
    random_keys(bytes.front(), 77, 77 + int64_t(drawn.size()), drawn.data());
    results.add("random keys", drawn);
    results.add("crowded groups", std::vector<int64_t>{crowded_groups(mask.data(), int64_t(mask.size()), 4, 1),
                                                       crowded_groups(mask.data(), int64_t(mask.size()), 4, 2),
                                                       crowded_groups(mask.data(), int64_t(mask.size()), 8, 4)});
    results.add("ones", std::vector<int64_t>{count_ones(mask.data(), int64_t(mask.size())),
                                             count_bits(mask.data(), 13, count - 1)});
}

void run_bins(const Results& results, const std::vector<double>& values) {
    std::vector<double> plain;
    for (size_t i = 0; i < values.size(); i += 3) plain.push_back(values[i]);
    plain.resize(plain.size() / 8 * 8 - 3);  // with a rest behind the last full lanes
    for (const auto& some : {values, plain}) {
        const auto size = int64_t(some.size());
        const Range range = range_of(some.data(), size);
        results.add("range", std::vector<double>{double(range.finite), range.sum, range.min, range.max});
        results.add("squares", std::vector<double>{squares_about(some.data(), size, 0.125)});
        std::vector<int32_t> bins(some.size());
        find_bins(some.data(), size, -1, 100, 199, bins.data());
        results.add("bins", bins);
    }
}

template <typename T>
void run_distances(const Results& results, const std::vector<double>& values) {
    std::vector<T> rows;
    for (size_t i = 0; i < values.size(); i += 3) rows.push_back(T(values[i]));  // the plain ones
    for (const int64_t columns : {3, 8, 501})
        for (const bool squared : {false, true}) {
            std::vector<double> sums(35 * 19);
            add_differences(Rows<T>{rows.data() + 10 * columns, 35}, Rows<T>{rows.data(), 19}, columns, squared,
                            sums.data(), 19);
            results.add("distances", sums);
        }
}

void run_pyramid(const Results& results, const std::vector<float>& weights, const std::vector<uint64_t>& mask) {
    for (const int64_t columns : {int64_t(64), int64_t(130), int64_t(1001)}) {
        std::vector<float> sums(size_t(columns + 1) / 2), coarser((sums.size() + 1) / 2);
        std::vector<uint8_t> bytes(sums.size());
        add_bit_quads(mask.data(), 3, 3 + columns, columns, sums.data());
        results.add("kept weights of cells", sums);
        shade(sums.data(), int64_t(sums.size()), 63.75f, true, 4, bytes.data());
        results.add("shades of density", bytes);
        for (const float* bottom : {weights.data() + columns, static_cast<const float*>(nullptr)}) {
            add_magnitude_quads(weights.data(), bottom, columns, sums.data());
            results.add("magnitudes of cells", sums);
            add_quads(sums.data(), bottom ? sums.data() : nullptr, int64_t(sums.size()), coarser.data());
            results.add("coarser cells", coarser);
            shade(coarser.data(), int64_t(coarser.size()), 1e-3f, false, 1, bytes.data());
            results.add("shades of magnitude", bytes);
        }
    }
}

/// Sums so close to where the byte changes that a product rounded once less would show.
void run_shades(const Results& results) {
    for (const float scale : {0.37f, 63.1f, 1.7e-5f}) {
        std::vector<float> sums;
        for (int i = 0; i < 10007; ++i) {
            const float border = (float(i % 255) + 0.5f) / scale;
            sums.push_back(std::bit_cast<float>(std::bit_cast<uint32_t>(border) + uint32_t(i % 7) - 3));
        }
        std::vector<uint8_t> bytes(sums.size());
        for (const bool strict : {false, true}) {
            shade(sums.data(), int64_t(sums.size()), scale, strict, 1000, bytes.data());
            results.add("shades at a border", bytes);
        }
    }
}

}  // namespace
}  // namespace lacuna::kernels

extern "C" [[gnu::visibility("default")]] void lacuna_run_kernel_cases(TakeCase* take, void* to) {
    using namespace lacuna::kernels;
    const Results results{take, to};
    Source source;
    const auto floats = source.floats();
    const auto doubles = source.doubles();
    const auto halves = source.fill<uint16_t>(count);
    const auto mask = source.fill<uint64_t>((count + 63) / 64 + 1);
    for (const bool squared : {false, true}) {
        const std::string score = squared ? " squared" : "";
        const auto f32 = keys_of(keys_f32, floats, squared);
        const auto f64 = keys_of(keys_f64, doubles, squared);
        run_selections(results, "f32" + score, f32, mask);
        run_selections(results, "f16" + score, keys_of(keys_f16, halves, squared), mask);
        run_selections(results, "bf16" + score, keys_of(keys_bf16, halves, squared), mask);
        run_selections(results, "f64" + score, f64, mask);
        run_blocks<float>(results, "f32" + score, f32);
        run_blocks<double>(results, "f64" + score, f64);
    }
    run_masks(results, mask, source.fill<uint64_t>(count));
    run_bins(results, doubles);
    run_distances<float>(results, doubles);
    run_distances<double>(results, doubles);
    run_pyramid(results, floats, mask);
    run_shades(results);
}
