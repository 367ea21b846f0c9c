// One step on a 4096 × 4096 layer against a copy of its weights, and what the window draws of it.
// Counters: GB/s of weights. Ratios to memcpy are the point: the machine's own speed drops out.

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>

#include "engine/session/detail.h"
#include "engine/sparsifiers/sparsifier.h"
#include "tests/bench/weights.h"

namespace lacuna {
namespace {

constexpr int64_t side = 4096;
const Shape shape{side, side};

const std::vector<float>& weights32() {
    static const auto weights = bench::make_weights(side * side);
    return weights;
}

const std::vector<uint16_t>& weights16(DType dtype) {
    static const auto make = [](int shift) {
        std::vector<uint16_t> values(weights32().size());
        for (size_t i = 0; i < values.size(); ++i) {
            uint32_t bits;
            std::memcpy(&bits, &weights32()[i], 4);
            // F16 by moving the exponent's bias; these weights have no subnormals worth keeping.
            values[i] = shift == 16 ? uint16_t(bits >> 16)
                                    : uint16_t((bits >> 16 & 0x8000) | (((bits & 0x7fffffff) >> 13) - (112 << 10)));
        }
        return values;
    };
    static const std::vector<uint16_t> brain = make(16), half = make(13);
    return dtype == DType::BF16 ? brain : half;
}

TensorView view(DType dtype) {
    return dtype == DType::F32 ? contiguous_view(weights32().data(), dtype, shape)
                               : contiguous_view(weights16(dtype).data(), dtype, shape);
}

void memcpy_weights(benchmark::State& state) {
    std::vector<float> out(weights32().size());
    for (auto _ : state) {
        std::memcpy(out.data(), weights32().data(), out.size() * 4);
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * side * side * 4);
}

void step(benchmark::State& state, DType dtype, int64_t rows, int64_t columns, int64_t zeros, double level) {
    const Sparsifier& rule = sparsifier("weight_norm");
    Options options;
    options.set("sparsity_level", level);
    options.set("sparse_block_shape", std::vector<int64_t>{rows, columns});
    options.set("zeros_per_block", zeros);
    options = rule.complete(options);
    const TensorView weight = view(dtype);
    const Mask ones = Mask::ones(shape);
    for (auto _ : state)
        benchmark::DoNotOptimize(rule.compute({.weight = weight, .current = &ones, .options = &options, .name = "w"}));
    state.SetBytesProcessed(state.iterations() * int64_t(dtype_bytes(dtype, uint64_t(side * side))));
}

void second_step(benchmark::State& state) {
    const Sparsifier& rule = sparsifier("weight_norm");
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, 1});
    options = rule.complete(options);
    const TensorView weight = view(DType::F32);
    const Mask ones = Mask::ones(shape);
    const Mask half = rule.compute({.weight = weight, .current = &ones, .options = &options, .name = "w"});
    for (auto _ : state)
        benchmark::DoNotOptimize(rule.compute({.weight = weight, .current = &half, .options = &options, .name = "w"}));
}

void diagonal(benchmark::State& state) {
    const Sparsifier& rule = sparsifier("nearly_diagonal");
    Options options;
    options.set("nearliness", int64_t(33));
    const TensorView weight = view(DType::F32);
    const Mask ones = Mask::ones(shape);
    for (auto _ : state)
        benchmark::DoNotOptimize(rule.compute({.weight = weight, .current = &ones, .options = &options, .name = "w"}));
}

/// Any rule with these options, F32: the first step, or the second after it.
void rule(benchmark::State& state, const char* name, const Options& given, Ties ties = Ties::lowest,
          bool second = false, const Shape& sizes = {side, side}) {
    const Sparsifier& rule = sparsifier(name);
    const Options options = rule.complete(given);
    const TensorView weight = contiguous_view(weights32().data(), DType::F32, sizes);
    Activations seen;
    for (int64_t i = 0; i < side; ++i) seen.squares.push_back(double(i % 17 + 1));
    seen.rows = 100;
    Mask current = Mask::ones(sizes);
    MaskRequest request{
        .weight = weight, .current = &current, .options = &options, .ties = ties, .name = "w", .activations = &seen};
    if (second) current = rule.compute(request);
    for (auto _ : state) benchmark::DoNotOptimize(rule.compute(request));
}

Options with(std::initializer_list<std::pair<const char*, OptionValue>> values) {
    Options options;
    for (const auto& [name, value] : values) options.set(name, value);
    return options;
}

using Block = std::vector<int64_t>;
using std::string_literals::operator""s;

void thresholds(benchmark::State& state) {
    const Sparsifier& rule = sparsifier("weight_norm");
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, 1});
    options = rule.complete(options);
    const TensorView weight = view(DType::F32);
    const Mask ones = Mask::ones(shape);
    for (auto _ : state)
        benchmark::DoNotOptimize(
            rule.thresholds({.weight = weight, .current = &ones, .options = &options, .name = "w"}));
}

Mask half_mask() {
    Mask mask = Mask::zeros(shape);
    uint64_t state = 1;
    for (uint64_t& word : mask.words()) state ^= state << 13, state ^= state >> 7, state ^= state << 17, word = state;
    return mask;
}

void apply(benchmark::State& state) {
    const Mask mask = half_mask();
    const auto out = std::make_unique<std::byte[]>(weights32().size() * 4);
    for (auto _ : state) apply_mask(mask, view(DType::F32), out.get());
    state.SetBytesProcessed(state.iterations() * side * side * 4);
}

void count_kept(benchmark::State& state) {
    const Mask mask = half_mask();
    for (auto _ : state) benchmark::DoNotOptimize(mask.kept());
}

void density(benchmark::State& state) {
    const Mask mask = half_mask();
    for (auto _ : state) benchmark::DoNotOptimize(density_pyramid(mask));
}

void magnitude(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(magnitude_pyramid(view(DType::F32), 0.1));
}

void bins(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(bin_weights(view(DType::F32), 256));
}

void pruned_bins(benchmark::State& state) {
    const Mask mask = half_mask();
    const WeightBins all = bin_weights(view(DType::F32), 256);
    for (auto _ : state) benchmark::DoNotOptimize(bin_pruned(view(DType::F32), mask, all));
}

#define LACUNA_BENCH(...) \
    BENCHMARK_CAPTURE(__VA_ARGS__)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime()
#define LACUNA_BENCH_PLAIN(function) \
    BENCHMARK(function)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime()->UseRealTime()

LACUNA_BENCH_PLAIN(memcpy_weights);
LACUNA_BENCH(step, single_F32, DType::F32, 1, 1, 1, 0.5);
LACUNA_BENCH(step, single_F16, DType::F16, 1, 1, 1, 0.5);
LACUNA_BENCH(step, single_BF16, DType::BF16, 1, 1, 1, 0.5);
LACUNA_BENCH(step, block_1x4_F32, DType::F32, 1, 4, 4, 0.5);
LACUNA_BENCH(step, block_4x4_F32, DType::F32, 4, 4, 16, 0.5);
LACUNA_BENCH(step, block_4x4_BF16, DType::BF16, 4, 4, 16, 0.5);
LACUNA_BENCH(step, two_of_four_F32, DType::F32, 1, 4, 2, 1.0);
LACUNA_BENCH(step, two_of_four_F16, DType::F16, 1, 4, 2, 1.0);
LACUNA_BENCH(step, two_of_four_BF16, DType::BF16, 1, 4, 2, 1.0);
LACUNA_BENCH(step, four_of_eight_F32, DType::F32, 1, 8, 4, 1.0);
LACUNA_BENCH_PLAIN(second_step);
LACUNA_BENCH_PLAIN(diagonal);
LACUNA_BENCH(rule, magnitude, "magnitude", with({}));
LACUNA_BENCH(rule, magnitude_1x4, "magnitude", with({{"sparse_block_shape", Block{1, 4}}}));
LACUNA_BENCH(rule, n_m_2_4, "n_m", with({}));
LACUNA_BENCH(rule, n_m_4_8, "n_m", with({{"n", int64_t(4)}, {"m", int64_t(8)}}));
LACUNA_BENCH(rule, n_m_3_6, "n_m", with({{"n", int64_t(3)}, {"m", int64_t(6)}}));
LACUNA_BENCH(rule, n_m_16_32, "n_m", with({{"n", int64_t(16)}, {"m", int64_t(32)}}));
LACUNA_BENCH(rule, n_m_512_1024, "n_m", with({{"n", int64_t(512)}, {"m", int64_t(1024)}}));
LACUNA_BENCH(rule, half_of_4x4, "weight_norm",
             with({{"sparse_block_shape", Block{4, 4}}, {"zeros_per_block", int64_t(8)}, {"sparsity_level", 1.0}}));
LACUNA_BENCH(rule, data_norm, "data_norm", with({}));
LACUNA_BENCH(rule, random, "random", with({}));
LACUNA_BENCH(rule, random_1x4, "random", with({{"sparse_block_shape", Block{1, 4}}}));
LACUNA_BENCH(rule, wanda_row, "wanda", with({}));
LACUNA_BENCH(rule, wanda_layer, "wanda", with({{"scope", "layer"s}}));
LACUNA_BENCH(rule, wanda_2_4, "wanda", with({{"semi_structured_block_size", int64_t(4)}}));
LACUNA_BENCH(rule, wanda_row_aten, "wanda", with({}), Ties::aten);
LACUNA_BENCH(rule, saliency, "saliency", with({}));
LACUNA_BENCH(rule, fpgm, "fpgm", with({}));
LACUNA_BENCH(rule, fpgm_512_filters, "fpgm", with({}), Ties::lowest, false, Shape{512, 512, 3, 3});
LACUNA_BENCH(rule, nearly_diagonal, "nearly_diagonal", with({{"nearliness", int64_t(33)}}));
LACUNA_BENCH(rule, single_aten, "weight_norm", with({{"sparse_block_shape", Block{1, 1}}}), Ties::aten);
LACUNA_BENCH(rule, two_of_four_aten, "weight_norm", with({{"zeros_per_block", int64_t(2)}}), Ties::aten);
LACUNA_BENCH(rule, second_1x4, "weight_norm", with({}), Ties::lowest, true);
LACUNA_BENCH(rule, second_two_of_four, "weight_norm", with({{"zeros_per_block", int64_t(2)}}), Ties::lowest, true);
LACUNA_BENCH(rule, second_magnitude, "magnitude", with({}), Ties::lowest, true);
LACUNA_BENCH(rule, second_saliency, "saliency", with({}), Ties::lowest, true);
LACUNA_BENCH_PLAIN(thresholds);
LACUNA_BENCH_PLAIN(apply);
LACUNA_BENCH_PLAIN(count_kept);
LACUNA_BENCH_PLAIN(density);
LACUNA_BENCH_PLAIN(magnitude);
LACUNA_BENCH_PLAIN(bins);
LACUNA_BENCH_PLAIN(pruned_bins);

}  // namespace
}  // namespace lacuna

BENCHMARK_MAIN();
