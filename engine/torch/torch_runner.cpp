#include "engine/torch/torch_runner.h"

#include <ATen/Parallel.h>
#include <torch/script.h>

#include <algorithm>
#include <chrono>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/torch/device.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/score.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

constexpr int64_t largest_batch = 64;     // samples
constexpr int64_t batch_bytes = 4 << 20;  // of inputs: bounds what each thread's activations take
constexpr const char* code_hint = "a TorchScript archive carries code: torch.jit.script(model).save(path) writes one";

/// LibTorch's own threads, set to one while batches run side by side: how operators split their work, and with it the
/// last bits of their sums, then does not depend on the number of threads.
class OneThreadEach {
  public:
    OneThreadEach() : before_(at::get_num_threads()) { at::set_num_threads(1); }
    ~OneThreadEach() { at::set_num_threads(before_); }
    OneThreadEach(const OneThreadEach&) = delete;
    OneThreadEach& operator=(const OneThreadEach&) = delete;

  private:
    int before_;
};

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

class TorchRunner : public Runner {
  public:
    TorchRunner(CheckpointPtr checkpoint, at::Device device)
        : name_(checkpoint->path().string()), device_(device), module_(load()), weights_(named_tensors()) {
        for (const at::Tensor& parameter : module_.parameters())
            if (parameter.is_floating_point()) {
                precision_ = parameter.scalar_type();
                break;
            }
    }

    Evaluation evaluate(const Dataset& data, const MaskSet& masks, Progress& progress) override {
        const auto began = std::chrono::steady_clock::now();
        const OneThreadEach one_thread_each;  // for the masks too: OpenMP's helpers spin long after a short loop
        weights_.apply(masks);
        const int64_t samples = data.samples();
        const int64_t size = batch_size(data.inputs(), samples), batches = (samples + size - 1) / size;
        std::vector<Score> scores{size_t(batches)};
        progress.begin("Evaluating", uint64_t(samples), "samples");
        const int64_t wave = device_.is_cpu() ? threads() : 1;
        for (int64_t first = 0; first < batches; first += wave) {
            const int64_t count = std::min(wave, batches - first);
            parallel_for(count, 1, [&](int64_t begin, int64_t end) {
                for (int64_t b = first + begin; b < first + end; ++b)
                    if (!progress.cancelled())
                        scores[size_t(b)] = run(data, b * size, std::min(samples, (b + 1) * size));
            });
            progress.advance(uint64_t(std::min(samples, (first + count) * size) - first * size));
        }
        Evaluation result{0, 0, samples, 0, 0};
        for (const Score& part : scores) {
            result.loss += part.loss;
            result.correct += part.correct;
        }
        result.loss /= double(std::max<int64_t>(samples, 1));
        result.accuracy = double(result.correct) / double(std::max<int64_t>(samples, 1));
        result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        return result;
    }

  private:
    torch::jit::Module load() const {
        try {
            torch::jit::Module module = torch::jit::load(name_, device_);
            module.eval();
            return module;
        } catch (const std::exception& error) {
            throw Error(ErrorKind::format, name_, "LibTorch cannot load this TorchScript archive: " + brief(error));
        }
    }

    std::vector<std::pair<std::string, at::Tensor>> named_tensors() const {
        std::vector<std::pair<std::string, at::Tensor>> tensors;
        for (const auto& parameter : module_.named_parameters()) tensors.emplace_back(parameter.name, parameter.value);
        for (const auto& buffer : module_.named_buffers()) tensors.emplace_back(buffer.name, buffer.value);
        return tensors;
    }

    /// Runs samples [begin, end). Called by several threads at once.
    Score run(const Dataset& data, int64_t begin, int64_t end) {
        thread_local const bool alone = (at::set_num_threads(1), true);
        (void)alone;
        const at::NoGradGuard no_grad;
        at::Tensor inputs = as_tensor(data.inputs()).slice(0, begin, end);
        if (inputs.is_floating_point()) inputs = inputs.to(precision_);
        const at::Tensor labels = as_tensor(data.labels()).slice(0, begin, end).to(at::kLong).contiguous();
        return score(logits(inputs.to(device_), data), labels);
    }

    at::Tensor logits(const at::Tensor& inputs, const Dataset& data) {
        const std::string taken =
            to_string(inputs.sizes().vec()) + " " + std::string(dtype_name(to_dtype(inputs.scalar_type())));
        at::Tensor output;
        try {
            output = first_tensor(module_.forward({inputs}));
        } catch (const std::exception& error) {
            throw Error(ErrorKind::argument, data.path().string(),
                        "the model cannot run on inputs of shape " + taken + ": " + brief(error),
                        "give `inputs` of the shape that the model was made for");
        }
        if (!output.defined() || output.dim() != 2 || output.size(0) != inputs.size(0) || output.size(1) < 1 ||
            !output.is_floating_point())
            throw Error(ErrorKind::argument, name_,
                        "inputs of shape " + taken + " give " +
                            (output.defined() ? "outputs of shape " + to_string(output.sizes().vec()) : "no tensor") +
                            ", not one row of class scores for each sample",
                        "only classifiers can be evaluated");
        return output;
    }

    std::string name_;
    at::Device device_;
    torch::jit::Module module_;
    MaskedWeights weights_;
    at::ScalarType precision_ = at::kFloat;
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
