#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/progress.h"
#include "engine/formats/formats.h"
#include "engine/model/checkpoint.h"
#include "engine/sparsifiers/activations.h"

namespace lacuna {

/// Samples: a safetensors file with `inputs` (N first, any dtype the model takes) and, where they are to be evaluated,
/// `labels` (N integers).
class Dataset {
  public:
    /// Opens and checks it; reads no sample. Throws Error(file), Error(format).
    static std::shared_ptr<const Dataset> open(const std::filesystem::path& path);

    int64_t samples() const { return samples_; }
    TensorView inputs() const;
    bool has_labels() const { return labels_.has_value(); }
    TensorView labels() const;  ///< throws Error(format) if there are none
    const std::filesystem::path& path() const { return file_->path(); }

  private:
    CheckpointPtr file_;
    size_t inputs_ = 0;
    std::optional<size_t> labels_;
    int64_t samples_ = 0;
};
using DatasetPtr = std::shared_ptr<const Dataset>;

struct Evaluation {
    double loss = 0;      ///< mean cross-entropy of the outputs taken as logits
    double accuracy = 0;  ///< top-1, of 1
    int64_t samples = 0, correct = 0;
    double seconds = 0;
};

/// What becomes of a weight that a calibration finds no input of.
enum class WithoutInput { refuse, leave_out };

/// A model that runs. Implemented by lacuna_torch, which is loaded when the first one is made.
class Runner {
  public:
    virtual ~Runner() = default;
    /// Runs every sample, with `masks` on the weights they name (others as in the file), in batches; each batch is a
    /// progress and cancellation point. The same Runner may be asked again with other masks. One thread at a time.
    /// Throws Error(format) for data without labels.
    virtual Evaluation evaluate(const Dataset& data, const MaskSet& masks, Progress& progress) = 0;
    /// Runs every sample on the model as the file has it, once, and gathers what enters the layers of `weights` (tensor
    /// FQNs). Throws Error(argument) naming a weight that the model lacks. One that it never multiplies anything with,
    /// or multiplies along both of its dimensions, has no input: it is refused likewise, or left out.
    virtual ActivationSet calibrate(const Dataset& data, const std::vector<std::string>& weights, Progress& progress,
                                    WithoutInput without_input) = 0;
    ActivationSet calibrate(const Dataset& data, const std::vector<std::string>& weights, Progress& progress) {
        return calibrate(data, weights, progress, WithoutInput::refuse);
    }
};

/// Loads LibTorch if that has not happened yet (about a second) and the model into it. `device` is "cpu" or "cuda".
/// Throws Error(missing) where this build or machine has no LibTorch, saying what to do, and for "cuda" without a GPU;
/// Error(argument) for a checkpoint that is not runnable.
std::unique_ptr<Runner> make_runner(CheckpointPtr checkpoint, const std::string& device);

}  // namespace lacuna
