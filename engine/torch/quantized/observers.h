#pragma once

namespace torch::jit {
struct Module;
}

namespace lacuna {

// Observers as TorchScript modules: `forward(x)` takes down what x holds and gives it back, `calculate_qparams()` gives
// scale and zero point as tensors with an element for each scale (ranges.h says how they are found).

/// For activations: `min_val` and `max_val` over all calls, QUINT8.
torch::jit::Module min_max_observer(bool reduce_range);
/// For weights (out, in): of the last one seen, QINT8. `scales(weight)` gives those of any.
torch::jit::Module weight_observer(bool per_channel);

}  // namespace lacuna
