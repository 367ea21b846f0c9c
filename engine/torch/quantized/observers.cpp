#include "engine/torch/quantized/observers.h"

#include <torch/script.h>

#include <limits>

#include "engine/torch/quantized/script.h"

namespace lacuna {

torch::jit::Module min_max_observer(bool reduce_range) {
    torch::jit::Module module = script_module("MinMaxObserver");
    constexpr float infinity = std::numeric_limits<float>::infinity();
    module.register_buffer("min_val", at::full({}, infinity, at::kFloat));
    module.register_buffer("max_val", at::full({}, -infinity, at::kFloat));
    module.register_attribute("top", c10::IntType::get(), reduce_range ? 127 : 255);
    define(module, R"(
def forward(self, x: Tensor) -> Tensor:
    if x.numel() > 0:
        seen = x.detach().to(6)
        self.min_val.copy_(torch.minimum(self.min_val, seen.amin()))
        self.max_val.copy_(torch.maximum(self.max_val, seen.amax()))
    return x

def calculate_qparams(self) -> Tuple[Tensor, Tensor]:
    low = torch.clamp(self.min_val, None, 0.0)
    high = torch.clamp(self.max_val, 0.0, None)
    scale = torch.clamp((high - low) / self.top, 1.1920928955078125e-07, None)
    zero_point = torch.clamp(0 - torch.round(low / scale), 0, self.top).to(3)
    return (scale.reshape([1]), zero_point.reshape([1]))
)");
    return module;
}

torch::jit::Module weight_observer(bool per_channel) {
    torch::jit::Module module = script_module("WeightObserver");
    module.register_attribute("per_channel", c10::BoolType::get(), per_channel);
    module.register_buffer("seen", at::zeros({0}));
    define(module, R"(
def scales(self, weight: Tensor) -> Tensor:
    largest = weight.detach().abs().amax([1])
    if not self.per_channel:
        largest = largest.amax().reshape([1])
    return torch.clamp(largest / 127.5, 1.1920928955078125e-07, None)

def forward(self, x: Tensor) -> Tensor:
    found = self.scales(x)
    self.seen.resize_(found.size()).copy_(found)
    return x

def calculate_qparams(self) -> Tuple[Tensor, Tensor]:
    return (self.seen, torch.zeros_like(self.seen).to(3))
)");
    return module;
}

}  // namespace lacuna
