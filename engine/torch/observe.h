#pragma once

#include <ATen/core/Tensor.h>

#include <exception>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace lacuna {

/// What meets a watched weight in a multiplication: in a linear layer, a matrix product or a convolution.
struct Operand {
    size_t weight = 0;       ///< index into the observer's weights
    at::Tensor input;        ///< the other factor, detached
    int64_t input_dim = 0;   ///< its dimension that is summed over: features, or channels of a convolution
    int64_t weight_dim = 0;  ///< the weight's dimension that lies along it: 1 for (out, in), 0 for (in, out)
};

/// Sees every input that the model multiplies with given weights, while it lives, on all threads. It watches LibTorch's
/// operators and not the model, so the model stays as it is and may be anything that runs: a `torch::jit::Module`,
/// scripted or traced, nested or inlined, a `torch::nn::Module`, a fast path written in C++. Each multiplication counts
/// once, so a layer that is called twice counts twice; what the backward pass multiplies does not count.
///
/// A weight is known by its memory: views of it (transposed, flattened, a slice of its rows) are found, copies (a
/// frozen model's constants, the product of a weight and its mask) are not, nor is what a fused operator keeps inside:
/// a float LSTM's own weights on the CPU. Weights have two dimensions or more; of the two that are multiplied, the one
/// summed over must be there in full.
class OperandObserver {
  public:
    using Sink = std::function<void(const Operand&)>;

    /// Undefined tensors, and those of one dimension, are never met. `sink` gets the operand before the product is
    /// computed, on the thread that multiplies: several may call at once. Operators that it calls are not observed.
    OperandObserver(std::vector<at::Tensor> weights, Sink sink);
    ~OperandObserver();
    OperandObserver(const OperandObserver&) = delete;
    OperandObserver& operator=(const OperandObserver&) = delete;

    /// LibTorch lets no exception out of an observer: the first one that `sink` threw is kept and thrown here, once.
    void rethrow();

    /// Gives `view`, of which dimension `view_dim` is summed over with `input_dim` of `input`, to the sink if it is
    /// (part of) a watched weight. Called by the operators' observer.
    void offer(const at::Tensor& view, int64_t view_dim, const at::Tensor& input, int64_t input_dim) noexcept;

  private:
    /// Gives the view to the sink if it is of weight `index`; gives whether it is.
    bool meet(size_t index, const at::Tensor& view, int64_t view_dim, const at::Tensor& input, int64_t input_dim);

    std::vector<at::Tensor> weights_;
    std::unordered_map<const void*, std::vector<size_t>> by_memory_;  ///< of weights, where it began at first
    Sink sink_;
    std::mutex failed_mutex_;
    std::exception_ptr failed_;
};

}  // namespace lacuna
