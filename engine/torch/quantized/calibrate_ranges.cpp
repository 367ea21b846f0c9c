#include "engine/torch/quantized/calibrate_ranges.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/torch/model_distance.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

using torch::jit::Module;

constexpr int64_t batch = 64;  // samples

/// What `from` saw, `to` has seen too.
void merge(const Module& from, Module& to, const QConfigs& layers) {
    for (const auto& [fqn, qconfig] : layers)
        for (const char* observer : {"activation_pre_process", "activation_post_process"}) {
            const Module seen = fqn_to_module(from, fqn)->attr(observer).toModule();
            at::Tensor lowest = fqn_to_module(to, fqn)->attr(observer).toModule().attr("min_val").toTensor();
            at::Tensor highest = fqn_to_module(to, fqn)->attr(observer).toModule().attr("max_val").toTensor();
            lowest.copy_(at::minimum(lowest, seen.attr("min_val").toTensor()));
            highest.copy_(at::maximum(highest, seen.attr("max_val").toTensor()));
        }
}

}  // namespace

torch::jit::Module calibrated(const torch::jit::Module& model, const QConfigs& layers, const Dataset& data,
                              Progress& progress) {
    const OneThread one_thread;
    std::vector<Module> workers;  // each has observers of its own and shares the weights
    for (int i = 0; i < threads(); ++i) workers.push_back(prepare(model, layers));
    const at::Tensor inputs = as_tensor(data.inputs());
    const int64_t samples = data.samples(), wave = batch * int64_t(workers.size());
    progress.begin("Calibrating", uint64_t(samples), "samples");
    for (int64_t first = 0; first < samples; first += wave) {
        const int64_t last = std::min(samples, first + wave);
        parallel_for((last - first + batch - 1) / batch, 1, [&](int64_t begin, int64_t end) {
            thread_local const bool alone = (at::set_num_threads(1), true);
            (void)alone;
            const at::NoGradGuard no_grad;
            for (int64_t i = begin; i < end; ++i) {
                const int64_t from = first + i * batch;
                if (!progress.cancelled())
                    run_model(workers[size_t(i)],
                              inputs_for(model, inputs.slice(0, from, std::min(last, from + batch))));
            }
        });
        progress.advance(uint64_t(last - first));
    }
    for (size_t i = 1; i < workers.size(); ++i) merge(workers[i], workers[0], layers);
    return workers[0];
}

}  // namespace lacuna
