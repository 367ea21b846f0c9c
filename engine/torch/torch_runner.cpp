#include "engine/torch/torch_runner.h"

#include <torch/script.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/model/no_input.h"
#include "engine/torch/calibrate.h"
#include "engine/torch/device.h"
#include "engine/torch/load_module.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/model_distance.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/quantized/archive_engine.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/score.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

constexpr int64_t largest_batch = 64;     // samples
constexpr int64_t batch_bytes = 4 << 20;  // of inputs: bounds what each thread's activations take
constexpr const char* code_hint = "a TorchScript archive carries code: torch.jit.script(model).save(path) writes one";

int64_t batch_size(const TensorView& inputs, int64_t samples) {
    const int64_t sample_bytes =
        int64_t(dtype_bytes(inputs.dtype, uint64_t(inputs.elements()))) / std::max<int64_t>(samples, 1);
    return std::clamp<int64_t>(batch_bytes / std::max<int64_t>(sample_bytes, 1), 1, largest_batch);
}

/// The first tensor of what a model returned: itself, or the first found inside a tuple, list or dict.
at::Tensor first_tensor(const c10::IValue& value) {
    if (value.isTensor()) return value.toTensor();
    if (value.isTuple()) {
        for (const auto& element : value.toTupleRef().elements())
            if (auto tensor = first_tensor(element); tensor.defined()) return tensor;
    } else if (value.isList()) {
        for (const c10::IValue& element : value.toListRef())
            if (auto tensor = first_tensor(element); tensor.defined()) return tensor;
    } else if (value.isGenericDict()) {
        for (const auto& entry : value.toGenericDict())
            if (auto tensor = first_tensor(entry.value()); tensor.defined()) return tensor;
    }
    return {};
}

/// Samples [begin, end).
struct Batch {
    int64_t begin, end;
};

/// Where what this thread's batch multiplies is summed; null: nowhere.
thread_local std::vector<Activations>* batch_sums = nullptr;

class SumsOfThisBatch {
  public:
    explicit SumsOfThisBatch(std::vector<Activations>& sums) { batch_sums = &sums; }
    ~SumsOfThisBatch() { batch_sums = nullptr; }
    SumsOfThisBatch(const SumsOfThisBatch&) = delete;
    SumsOfThisBatch& operator=(const SumsOfThisBatch&) = delete;
};

class TorchRunner : public Runner {
  public:
    TorchRunner(CheckpointPtr checkpoint, at::Device device)
        : name_(checkpoint->path().string()),
          engine_(archive_engine(checkpoint->path())),
          device_(device),
          module_(load()),
          tensors_(named_tensors(module_)),
          weights_(tensors_),
          precision_(precision_of(module_).value_or(at::kFloat)) {}

    Evaluation evaluate(const Dataset& data, const MaskSet& masks, Progress& progress) override {
        const auto began = std::chrono::steady_clock::now();
        const EngineScope scope(engine_);
        const OneThread one_thread;  // for the masks too: OpenMP's helpers spin long after a short loop
        const at::Tensor labels = as_tensor(data.labels());
        weights_.apply(masks);
        std::vector<Score> scores;
        in_batches(data, progress, "Evaluating", [&](const std::vector<Batch>& wave) {
            const size_t before = scores.size();
            scores.resize(before + wave.size());
            side_by_side(wave, progress, [&](size_t i) {
                const at::Tensor wanted = labels.slice(0, wave[i].begin, wave[i].end).to(at::kLong).contiguous();
                scores[before + i] = score(logits(data, wave[i]), wanted);
            });
        });
        Evaluation result{0, 0, data.samples(), 0, 0};
        for (const Score& part : scores) {
            result.loss += part.loss;
            result.correct += part.correct;
        }
        result.loss /= double(std::max<int64_t>(result.samples, 1));
        result.accuracy = double(result.correct) / double(std::max<int64_t>(result.samples, 1));
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        return result;
    }

    ActivationSet calibrate(const Dataset& data, const std::vector<std::string>& weights, Progress& progress,
                            WithoutInput without_input) override {
        const EngineScope scope(engine_);
        const OneThread one_thread;
        std::vector<at::Tensor> watched;
        for (const std::string& name : weights) watched.push_back(tensor(name));
        weights_.apply({});
        std::vector<Activations> sums(weights.size());
        std::vector<char> both_ways(weights.size(), 0);
        std::mutex mutex;
        const auto add = [&](size_t weight, const auto& part, Activations& to) {
            try {
                part(to);
            } catch (const Error&) {  // multiplied along both of its dimensions
                if (without_input == WithoutInput::refuse) throw;
                const std::lock_guard lock(mutex);
                both_ways[weight] = 1;
            }
        };
        OperandObserver observer(watched, [&](const Operand& operand) {
            const std::string& name = weights[operand.weight];
            if (batch_sums)
                add(
                    operand.weight, [&](Activations& to) { add_operand(to, operand, name); },
                    (*batch_sums)[operand.weight]);
        });
        in_batches(data, progress, "Calibrating", [&](const std::vector<Batch>& wave) {
            std::vector<std::vector<Activations>> parts(wave.size(), std::vector<Activations>(weights.size()));
            side_by_side(wave, progress, [&](size_t i) {
                const SumsOfThisBatch here(parts[i]);
                run(data, wave[i]);
            });
            observer.rethrow();
            for (const auto& part : parts)
                for (size_t w = 0; w < sums.size(); ++w)
                    add(
                        w, [&](Activations& to) { add_activations(to, part[w], weights[w]); }, sums[w]);
        });
        for (size_t w = 0; w < sums.size(); ++w)
            if (both_ways[w]) sums[w] = {};
        return named(weights, std::move(sums), without_input);
    }

  private:
    torch::jit::Module load() const {
        const EngineScope scope(engine_);
        return load_module(name_, device_);
    }

    const at::Tensor& tensor(const std::string& name) const {
        for (const auto& [known, tensor] : tensors_)
            if (known == name) return tensor;
        throw Error(ErrorKind::argument, name, "the model has no tensor of that name",
                    "lacuna-cli inspect lists its tensors");
    }

    static ActivationSet named(const std::vector<std::string>& weights, std::vector<Activations> sums,
                               WithoutInput without_input) {
        ActivationSet set;
        for (size_t w = 0; w < sums.size(); ++w) {
            if (sums[w].squares.empty() && without_input == WithoutInput::leave_out) continue;
            if (sums[w].squares.empty()) throw Error(ErrorKind::argument, weights[w], no_input, no_input_hint);
            set[weights[w]] = std::make_shared<const Activations>(std::move(sums[w]));
        }
        return set;
    }

    /// Cuts the samples into batches and gives `body` as many at once as run side by side.
    template <class Body>
    void in_batches(const Dataset& data, Progress& progress, const char* stage, Body&& body) const {
        const int64_t samples = data.samples(), size = batch_size(data.inputs(), samples);
        const bool alone = !device_.is_cpu() || engine_ == sparse_dynamic_engine;  // its weights hold scratch space
        const int64_t wave_samples = size * (alone ? 1 : threads());
        progress.begin(stage, uint64_t(samples), "samples");
        for (int64_t first = 0; first < samples; first += wave_samples) {
            const int64_t last = std::min(samples, first + wave_samples);
            std::vector<Batch> wave;
            for (int64_t begin = first; begin < last; begin += size)
                wave.push_back({begin, std::min(last, begin + size)});
            body(wave);
            progress.advance(uint64_t(last - first));
        }
    }

    /// Calls `body(i)` for each batch of a wave, on several threads at once.
    template <class Body>
    static void side_by_side(const std::vector<Batch>& wave, const Progress& progress, Body&& body) {
        parallel_for(int64_t(wave.size()), 1, [&](int64_t begin, int64_t end) {
            thread_local const bool alone = (at::set_num_threads(1), true);
            (void)alone;
            const at::NoGradGuard no_grad;
            for (int64_t i = begin; i < end; ++i)
                if (!progress.cancelled()) body(size_t(i));
        });
    }

    at::Tensor inputs_of(const Dataset& data, Batch batch) const {
        at::Tensor inputs = as_tensor(data.inputs()).slice(0, batch.begin, batch.end);
        if (inputs.is_floating_point()) inputs = inputs.to(precision_);
        return inputs.to(device_);
    }

    /// Asynchronous parts of the model run where they are called, so that one batch stays on one thread.
    c10::IValue run(const Dataset& data, Batch batch) const {
        const at::Tensor inputs = inputs_of(data, batch);
        try {
            const auto here = [](const std::function<void()>& part) { part(); };
            const auto future = module_.get_method("forward").run_async({inputs}, {}, here);
            future->waitAndThrow();
            return future->value();
        } catch (const std::exception& error) {
            throw cannot_run(module_, data.path().string(), inputs, error);
        }
    }

    at::Tensor logits(const Dataset& data, Batch batch) const {
        const at::Tensor output = first_tensor(run(data, batch));
        if (!output.defined() || output.dim() != 2 || output.size(0) != batch.end - batch.begin || output.size(1) < 1 ||
            !output.is_floating_point())
            throw Error(ErrorKind::argument, name_,
                        "inputs of shape " + described(inputs_of(data, batch)) + " give " +
                            (output.defined() ? "outputs of shape " + to_string(output.sizes().vec()) : "no tensor") +
                            ", not one row of class scores for each sample",
                        "only classifiers can be evaluated");
        return output;
    }

    std::string name_;
    std::optional<c10::QEngine> engine_;  ///< that the model needs
    at::Device device_;
    torch::jit::Module module_;
    std::vector<std::pair<std::string, at::Tensor>> tensors_;
    MaskedWeights weights_;
    at::ScalarType precision_;
};

}  // namespace

std::unique_ptr<Runner> make_torch_runner(CheckpointPtr checkpoint, const std::string& device) {
    if (!checkpoint->runnable())
        throw Error(ErrorKind::argument, checkpoint->path().string(),
                    "a " + std::string(format_name(checkpoint->format())) + " file holds weights but no code to run",
                    code_hint);
    return std::make_unique<TorchRunner>(std::move(checkpoint), find_device(device));
}

}  // namespace lacuna
