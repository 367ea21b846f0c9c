// Masks on a GPU beside LibTorch's own selections, on a 4096 × 11008 layer. Needs a GPU.
// Counters: GB/s of weights, each counted once however often a selection reads it; of copies and applied masks what is
// read and written.

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/kthvalue.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/topk.h>
#include <benchmark/benchmark.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdio>

#include "engine/base/error.h"
#include "engine/torch/cuda_device.h"
#include "engine/torch/device.h"

namespace lacuna {
namespace {

constexpr int64_t rows = 4096, columns = 11008, weights = rows * columns;

c10::Device gpu() {
    static const c10::Device device = find_device("cuda");
    return device;
}

CudaDevice& gpu_kernels() {
    static const auto device = make_cuda_device(gpu());
    return *device;
}

void wait() {
    c10::impl::VirtualGuardImpl(c10::kCUDA).synchronizeDevice(gpu().has_index() ? gpu().index() : 0);
}

at::Tensor layer(at::ScalarType type) {
    return at::randn({rows, columns}, at::TensorOptions(gpu())).to(type);
}

/// Time of `body`, which only puts work on the stream, by the clock around many of them.
template <typename Body>
void measure(benchmark::State& state, int64_t bytes, const Body& body) {
    constexpr int together = 20;
    body();
    wait();
    for (auto _ : state) {
        for (int i = 0; i < together; ++i) body();
        wait();
    }
    state.SetItemsProcessed(state.iterations() * together);
    state.SetBytesProcessed(state.iterations() * together * bytes);
}

void copy(benchmark::State& state, at::ScalarType type) {
    const at::Tensor from = layer(type), to = at::empty_like(from);
    measure(state, 2 * int64_t(from.nbytes()), [&] { to.copy_(from); });
}

void select(benchmark::State& state, at::ScalarType type, BlockRule rule) {
    const at::Tensor weight = layer(type);
    const TensorView view = CudaDevice::view_of(weight);
    measure(state, int64_t(weight.nbytes()),
            [&] { benchmark::DoNotOptimize(gpu_kernels().prune_there(view, true, rule)); });
}

void apply(benchmark::State& state, at::ScalarType type) {
    at::Tensor weight = layer(type);
    const BlockRule rule{.level = .5, .block = {1, 1}, .zeros = 1};
    const at::Tensor words = gpu_kernels().prune_there(CudaDevice::view_of(weight), true, rule);
    measure(state, 2 * int64_t(weight.nbytes()), [&] { gpu_kernels().apply_mask(words, weight); });
}

void kthvalue(benchmark::State& state, at::ScalarType type) {
    const at::Tensor scores = layer(type).abs().flatten();
    measure(state, int64_t(scores.nbytes()), [&] { benchmark::DoNotOptimize(at::kthvalue(scores, weights / 2)); });
}

void topk(benchmark::State& state, at::ScalarType type) {
    const at::Tensor scores = layer(type).abs().flatten();
    measure(state, int64_t(scores.nbytes()),
            [&] { benchmark::DoNotOptimize(at::topk(scores, weights / 2, 0, /*largest=*/false)); });
}

constexpr BlockRule single{.level = .5, .block = {1, 1}, .zeros = 1}, four{.level = .5, .block = {1, 4}, .zeros = 4},
    square{.level = .5, .block = {4, 4}, .zeros = 16}, two_of_four{.level = 1, .block = {1, 4}, .zeros = 2};

BENCHMARK_CAPTURE(copy, F16, at::kHalf);
BENCHMARK_CAPTURE(select, F16_single, at::kHalf, single);
BENCHMARK_CAPTURE(select, F16_1x4, at::kHalf, four);
BENCHMARK_CAPTURE(select, F16_4x4, at::kHalf, square);
BENCHMARK_CAPTURE(select, F16_2_of_4, at::kHalf, two_of_four);
BENCHMARK_CAPTURE(apply, F16, at::kHalf);
BENCHMARK_CAPTURE(kthvalue, F16, at::kHalf);
BENCHMARK_CAPTURE(topk, F16, at::kHalf);
BENCHMARK_CAPTURE(copy, F32, at::kFloat);
BENCHMARK_CAPTURE(select, F32_single, at::kFloat, single);
BENCHMARK_CAPTURE(select, F32_2_of_4, at::kFloat, two_of_four);
BENCHMARK_CAPTURE(kthvalue, F32, at::kFloat);
BENCHMARK_CAPTURE(topk, F32, at::kFloat);

}  // namespace
}  // namespace lacuna

int main(int argc, char** argv) {
    try {
        lacuna::gpu_kernels();
    } catch (const lacuna::Error& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
