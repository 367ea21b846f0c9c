#include "engine/torch/quantized/embedding_module.h"

#include <ATen/native/quantized/cpu/EmbeddingPackedParams.h>
#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/quantized/embeddings.h"
#include "engine/torch/quantized/script.h"

namespace lacuna {
namespace {

using torch::jit::Module;
using Packed = c10::intrusive_ptr<EmbeddingPackedParamsBase>;

constexpr const char* packed_name = "_packed_params";

c10::IValue packed(const at::Tensor& table) {
    return c10::IValue(c10::Dispatcher::singleton()
                           .findSchemaOrThrow("quantized::embedding_bag_prepack", "")
                           .typed<Packed(const at::Tensor&)>()
                           .call(table));
}

/// What a scripted layer hands to torch.nn.functional: its options are constants there. Empty for a traced layer.
std::vector<std::optional<c10::IValue>> functional_arguments(const Module& layer) {
    std::vector<std::optional<c10::IValue>> arguments;
    for (const torch::jit::Node* node : layer.get_method("forward").graph()->nodes())
        if (node->kind() == c10::prim::CallFunction)
            for (const torch::jit::Value* input : node->inputs()) arguments.push_back(torch::jit::toIValue(input));
    return arguments;
}

void demand(bool fine, const std::string& fqn, const char* what) {
    if (!fine)
        throw Error(ErrorKind::argument, fqn, std::string(what) + ", which LibTorch's quantised tables lack",
                    "leave this layer out");
}

bool is(const std::optional<c10::IValue>& value, const char* text) {
    return value && value->isString() && value->toStringRef() == text;
}

constexpr size_t max_norm_at = 4;      // behind function, input, weight and padding_idx
constexpr size_t bag_max_norm_at = 4;  // behind function, input, weight and offsets
constexpr size_t bag_mode_at = 7, bag_last_offset_at = 10, bag_padding_at = 11;

}  // namespace

torch::jit::Module quantised_embedding(const std::string& fqn, const torch::jit::Module& layer,
                                       const at::Tensor& table) {
    const bool bag = type_name(layer) == "EmbeddingBag";
    const auto arguments = functional_arguments(layer);
    bool last_offset = false;
    if (bag) {
        demand(arguments.size() > bag_last_offset_at && is(arguments[bag_mode_at], "sum"), fqn,
               "this EmbeddingBag does not sum (or was traced)");
        demand(arguments[bag_max_norm_at] && arguments[bag_max_norm_at]->isNone(), fqn, "it has a max_norm");
        const bool pads = arguments.size() > bag_padding_at && !arguments[bag_padding_at].value_or(1).isNone();
        demand(!pads, fqn, "it has a padding_idx");
        last_offset = arguments[bag_last_offset_at] && arguments[bag_last_offset_at]->toBool();
    } else if (arguments.size() > max_norm_at) {
        demand(arguments[max_norm_at] && arguments[max_norm_at]->isNone(), fqn, "it has a max_norm");
    }
    Module module = script_module(bag ? "QuantizedEmbeddingBag" : "QuantizedEmbedding");
    const c10::IValue object = packed(table);
    module.register_attribute(packed_name, object.type(), object);
    module.register_attribute("include_last_offset", c10::BoolType::get(), last_offset);
    module.register_attribute("dtype", c10::IntType::get(), int64_t(layer.attr("weight").toTensor().scalar_type()));
    if (bag)
        define(module, R"(
def forward(self, input: Tensor, offsets: Optional[Tensor]=None, per_sample_weights: Optional[Tensor]=None) -> Tensor:
    weights = per_sample_weights
    if weights is not None:
        weights = weights.to(6)
    sums = quantized.embedding_bag_byte(self._packed_params, input, offsets, False, 0, False, weights, None, self.include_last_offset)
    return sums.to(self.dtype)
)");
    else
        define(module, R"(
def forward(self, input: Tensor) -> Tensor:
    rows = quantized.embedding_byte(self._packed_params, input.reshape([-1]))
    return rows.reshape(input.size() + [rows.size(1)]).to(self.dtype)
)");
    return module;
}

at::Tensor unpacked_table(const torch::jit::Module& module) {
    if (!type_name(module).starts_with("QuantizedEmbedding"))
        throw Error(ErrorKind::argument, "embedding table", "a " + type_name(module) + " holds no quantised table");
    return c10::Dispatcher::singleton()
        .findSchemaOrThrow("quantized::embedding_bag_unpack", "")
        .typed<at::Tensor(const Packed&)>()
        .call(module.attr(packed_name).toCustomClass<EmbeddingPackedParamsBase>());
}

}  // namespace lacuna
