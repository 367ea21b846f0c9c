// One kernel on a small fixed input, in one thread, so that its instructions can be counted:
//   instructions_bench               lists the kernels
//   instructions_bench --compiler    tells what compiled them: counts of two compilers do not compare
//   instructions_bench KERNEL        runs it; what counts happens inside counted()
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/parallel.h"
#include "engine/kernels/band.h"
#include "engine/kernels/bins.h"
#include "engine/kernels/block_means.h"
#include "engine/kernels/crowded_groups.h"
#include "engine/kernels/cut_of_few.h"
#include "engine/kernels/distances.h"
#include "engine/kernels/nm_mask.h"
#include "engine/kernels/popcount.h"
#include "engine/kernels/pyramid.h"
#include "engine/kernels/radix_select.h"
#include "engine/kernels/random_keys.h"
#include "engine/kernels/row_sums.h"
#include "engine/kernels/select_mask.h"
#include "engine/sparsifiers/sparsifier.h"
#include "tests/bench/weights.h"

using namespace lacuna;
using namespace lacuna::kernels;

extern "C" [[gnu::noinline]] void counted(const std::function<void()>& work) {
    work();
}

namespace {

constexpr int64_t side = 512, count = side * side;

/// Inputs that every kernel draws on, and room for what it writes.
struct Bench {
    std::vector<float> weights = bench::make_weights(count);
    std::vector<double> doubles{weights.begin(), weights.end()};
    std::vector<uint16_t> halves = std::vector<uint16_t>(size_t(count));
    std::vector<Key32> keys = std::vector<Key32>(size_t(count)), out = keys;
    std::vector<Key64> out64 = std::vector<Key64>(size_t(count));
    std::vector<uint64_t> half_mask = std::vector<uint64_t>(size_t(count / 64)), words = half_mask;
    std::vector<float> sums = std::vector<float>(size_t(count));
    std::vector<uint8_t> bytes = std::vector<uint8_t>(size_t(count));
    std::vector<int32_t> bins = std::vector<int32_t>(size_t(count));

    Bench() {
        for (size_t i = 0; i < halves.size(); ++i) {
            uint32_t bits;
            std::memcpy(&bits, &weights[i], 4);
            halves[i] = uint16_t(bits >> 16);
        }
        keys_f32(weights.data(), count, true, keys.data());
        uint64_t state = 1;
        for (uint64_t& word : half_mask) state ^= state << 13, state ^= state >> 7, state ^= state << 17, word = state;
    }

    void select(bool half_pruned) {
        const KeyReader<Key32> reader = [&](int64_t begin, int64_t, Key32*) { return out.data() + begin; };
        out = keys;
        if (half_pruned) zero_pruned(half_mask.data(), 0, count, out.data());
        counted([&] { select_lowest(reader, count, count * 6 / 10, words.data()); });
    }

    void rule(const std::vector<int64_t>& block, int64_t zeros) {
        const Sparsifier& weight_norm = sparsifier("weight_norm");
        Options options;
        options.set("sparse_block_shape", block);
        options.set("zeros_per_block", zeros);
        options = weight_norm.complete(options);
        const Shape shape{side, side};
        const Mask ones = Mask::ones(shape);
        const TensorView view = contiguous_view(weights.data(), DType::F32, shape);
        counted([&] { weight_norm.compute({.weight = view, .current = &ones, .options = &options, .name = "w"}); });
    }
};

using Case = std::pair<const char*, std::function<void(Bench&)>>;

/// `counted` around a call on the bench `b`.
#define LACUNA_COUNTED(...) [](Bench& b) { counted([&] { __VA_ARGS__; }); }

const Case cases[] = {
    {"keys_f32", LACUNA_COUNTED(keys_f32(b.weights.data(), count, true, b.out.data()))},
    {"keys_f16", LACUNA_COUNTED(keys_f16(b.halves.data(), count, true, b.out.data()))},
    {"keys_bf16", LACUNA_COUNTED(keys_bf16(b.halves.data(), count, true, b.out.data()))},
    {"keys_f64", LACUNA_COUNTED(keys_f64(b.doubles.data(), count, true, b.out64.data()))},
    {"zero_pruned", LACUNA_COUNTED(zero_pruned(b.half_mask.data(), 0, count, b.out.data()))},
    {"select_lowest", [](Bench& b) { b.select(false); }},
    {"select_lowest_half_pruned", [](Bench& b) { b.select(true); }},
    {"add_row_of_4", LACUNA_COUNTED(add_row(b.keys.data(), count, 4, b.sums.data()))},
    {"mean_keys", LACUNA_COUNTED(mean_keys(b.sums.data(), 4, count, 4, b.out.data()))},
    {"mark_groups_2_of_4", LACUNA_COUNTED(LowestOfGroups<Key32>(4, 2).mark(b.keys.data(), count, b.words.data()))},
    {"mark_groups_4_of_8", LACUNA_COUNTED(LowestOfGroups<Key32>(8, 4).mark(b.keys.data(), count, b.words.data()))},
    {"mark_groups_3_of_6", LACUNA_COUNTED(LowestOfGroups<Key32>(6, 3).mark(b.keys.data(), count, b.words.data()))},
    {"mark_groups_16_of_32", LACUNA_COUNTED(LowestOfGroups<Key32>(32, 16).mark(b.keys.data(), count, b.words.data()))},
    {"select_mask_4_bytes",
     LACUNA_COUNTED(select_mask(reinterpret_cast<const std::byte*>(b.weights.data()), b.half_mask.data(), count, 4,
                                reinterpret_cast<std::byte*>(b.out.data())))},
    {"select_mask_2_bytes",
     LACUNA_COUNTED(select_mask(reinterpret_cast<const std::byte*>(b.halves.data()), b.half_mask.data(), count, 2,
                                reinterpret_cast<std::byte*>(b.out.data())))},
    {"set_band", LACUNA_COUNTED(set_band(b.words.data(), side, side, 16))},
    {"count_ones", LACUNA_COUNTED(count_ones(b.half_mask.data(), count / 64))},
    {"range_of", LACUNA_COUNTED(range_of(b.doubles.data(), count))},
    {"squares_about", LACUNA_COUNTED(squares_about(b.doubles.data(), count, 0.01))},
    {"find_bins", LACUNA_COUNTED(find_bins(b.doubles.data(), count, -0.1, 1000, 199, b.bins.data()))},
    {"add_bit_quads", LACUNA_COUNTED(for (int64_t row = 0; row < side; row += 2) add_bit_quads(
                          b.half_mask.data(), row* side, (row + 1) * side, side, b.sums.data()))},
    {"add_magnitude_quads",
     LACUNA_COUNTED(add_magnitude_quads(b.weights.data(), b.weights.data() + count / 2, count / 2, b.sums.data()))},
    {"shade", LACUNA_COUNTED(shade(b.sums.data(), count, 2, true, 16, b.bytes.data()))},
    {"crowded_groups", LACUNA_COUNTED(crowded_groups(b.half_mask.data(), count / 64, 4, 2))},
    {"random_keys", LACUNA_COUNTED(random_keys(1, 0, count, b.out64.data()))},
    {"add_scores", LACUNA_COUNTED(add_scores(b.keys.data(), side, side, side, b.doubles.data()))},
    {"add_differences",
     LACUNA_COUNTED(add_differences(Rows<float>{b.weights.data(), 32}, Rows<float>{b.weights.data(), side}, side, true,
                                    b.doubles.data(), side))},
    {"cut_of_few", LACUNA_COUNTED(for (int64_t first = 0; first < count; first += 4096)
                                      cut_of_few(b.keys.data() + first, 4096, 2048))},
    {"rule_single_weights", [](Bench& b) { b.rule({1, 1}, 1); }},
    {"rule_1x4_blocks", [](Bench& b) { b.rule({1, 4}, 4); }},
    {"rule_4x4_blocks", [](Bench& b) { b.rule({4, 4}, 16); }},
    {"rule_2_of_4", [](Bench& b) { b.rule({1, 4}, 2); }},
    {"rule_half_of_4x4", [](Bench& b) { b.rule({4, 4}, 8); }},
};

}  // namespace

int main(int argc, char** argv) {
    if (argc == 1)
        for (const Case& one : cases) std::puts(one.first);
    if (argc == 1) return 0;
    if (std::string(argv[1]) == "--compiler") return std::puts("g++ " __VERSION__) < 0;
    set_threads(1);
    for (const auto& [name, run] : cases)
        if (std::string(argv[1]) == name) {
            Bench bench;
            run(bench);
            return 0;
        }
    std::fprintf(stderr, "error: there is no kernel '%s'\n", argv[1]);
    return 2;
}
