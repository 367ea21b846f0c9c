#include "engine/torch/activation_masks.h"

#include <ATen/ops/index_copy.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <torch/script.h>

#include <map>
#include <set>

#include "engine/base/error.h"
#include "engine/tensor/tensor_view.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"

namespace lacuna {
namespace {

constexpr const char* method_name = "lacuna_masked_input";

/// One for all modules of a type; those that have no mask pass their input as it is.
constexpr const char* method_source = R"(
def lacuna_masked_input(self, x: Tensor) -> Tensor:
    masks = self.lacuna_masks
    features = self.lacuna_features
    dim = self.lacuna_feature_dim
    if len(features) == 0:
        for mask in masks:
            x = x * mask.to(x.device, x.dtype)
    for i in range(len(features)):
        index = features[i].to(x.device)
        part = torch.index_select(x, dim, index) * masks[i].to(x.device, x.dtype)
        x = torch.index_copy(x, dim, index, part)
    return x
)";

int64_t checked_dim(const at::Tensor& input, int64_t dim, const std::string& layer) {
    const int64_t own = dim < 0 ? dim + input.dim() : dim;
    if (own < 0 || own >= input.dim())
        throw Error(ErrorKind::argument, layer,
                    "feature_dim " + std::to_string(dim) + " is no dimension of an input of shape " +
                        to_string(input.sizes().vec()));
    return own;
}

at::Tensor index_of(const std::vector<int64_t>& feature, const at::Tensor& input, int64_t dim,
                    const std::string& layer) {
    for (const int64_t index : feature)
        if (index < 0 || index >= input.size(dim))
            throw Error(ErrorKind::argument, layer,
                        "feature " + std::to_string(index) + " is not one of the " + std::to_string(input.size(dim)) +
                            " along dimension " + std::to_string(dim) + " of its input");
    return at::tensor(feature, at::kLong).to(input.device());
}

at::Tensor product(const at::Tensor& part, const at::Tensor& mask, const std::string& layer) {
    const auto fail = [&] {
        throw Error(ErrorKind::argument, layer,
                    "its mask of shape " + to_string(mask.sizes().vec()) + " does not broadcast to an input of shape " +
                        to_string(part.sizes().vec()),
                    "let mask_fn give one that holds for every batch");
    };
    if (mask.dim() > part.dim()) fail();
    for (int64_t d = 1; d <= mask.dim(); ++d)
        if (mask.size(-d) != 1 && mask.size(-d) != part.size(-d)) fail();
    return part * mask.to(part.options());
}

/// Where a first input's masks stand in the model's code: ahead of everything that its forward does.
void insert_call(torch::jit::Graph& graph, const std::string& layer) {
    torch::jit::Value* first = graph.inputs().size() < 2 ? nullptr : graph.inputs()[1];
    if (!first || !first->type()->isSubtypeOf(*c10::TensorType::get()))
        throw Error(ErrorKind::argument, layer, "its first input is no tensor, so no mask can be built in");
    torch::jit::Node* call = graph.create(c10::prim::CallMethod, {graph.inputs()[0], first});
    call->s_(c10::attr::name, method_name);
    call->output()->setType(c10::TensorType::get());
    graph.prependNode(call);
    first->replaceAllUsesAfterNodeWith(call, call->output());
}

void give_masks(torch::jit::Module& module, const BuiltInMask* mask) {
    c10::List<at::Tensor> masks, features;
    if (mask) {
        for (const at::Tensor& tensor : mask->masks) masks.push_back(tensor.detach().clone());
        if (mask->features)
            for (const auto& feature : *mask->features) features.push_back(at::tensor(feature, at::kLong));
    }
    const auto tensors = c10::ListType::ofTensors();
    module.register_attribute("lacuna_masks", tensors, masks);
    module.register_attribute("lacuna_features", tensors, features);
    module.register_attribute("lacuna_feature_dim", c10::IntType::get(),
                              mask && mask->feature_dim ? *mask->feature_dim : int64_t(0));
}

}  // namespace

std::vector<at::Tensor> parts_of(const at::Tensor& input, const Features& features, std::optional<int64_t> feature_dim,
                                 const std::string& layer) {
    if (!features) return {input};
    const int64_t dim = checked_dim(input, feature_dim.value_or(0), layer);
    std::vector<at::Tensor> parts;
    for (const std::vector<int64_t>& feature : *features)
        parts.push_back(at::index_select(input, dim, index_of(feature, input, dim, layer)));
    return parts;
}

at::Tensor masked(const at::Tensor& input, const std::vector<at::Tensor>& masks, const Features& features,
                  std::optional<int64_t> feature_dim, const std::string& layer) {
    if (!features) return product(input, masks.at(0), layer);
    const int64_t dim = checked_dim(input, feature_dim.value_or(0), layer);
    at::Tensor result = input;
    for (size_t i = 0; i < features->size(); ++i) {
        const at::Tensor index = index_of((*features)[i], input, dim, layer);
        result = at::index_copy(result, dim, index, product(at::index_select(result, dim, index), masks.at(i), layer));
    }
    return result;
}

torch::jit::Module with_masks(const torch::jit::Module& model, const std::vector<BuiltInMask>& masks) {
    torch::jit::Module result = model.clone(/*inplace=*/true);
    const auto mask_of = [&](const torch::jit::Module& original) -> const BuiltInMask* {
        for (const BuiltInMask& mask : masks)
            if (const auto layer = fqn_to_module(model, mask.layer); layer && *layer == original) return &mask;
        return nullptr;
    };
    std::vector<torch::jit::Module> originals;
    for (const torch::jit::Module& module : model.modules()) originals.push_back(module);
    std::map<const void*, std::string> types;  // those with a masked module, and its name
    size_t next = 0;
    for (const torch::jit::Module& module : result.modules())
        if (const BuiltInMask* mask = mask_of(originals.at(next++))) types.emplace(module.type().get(), mask->layer);
    next = 0;
    std::set<const void*> done;
    for (torch::jit::Module module : result.modules()) {
        const BuiltInMask* mask = mask_of(originals.at(next++));
        const auto type = types.find(module.type().get());
        if (type == types.end()) continue;
        give_masks(module, mask);
        if (!done.insert(type->first).second) continue;
        module.define(method_source);
        for (const torch::jit::Method& method : module.get_methods())
            if (is_forward(method.name())) insert_call(*method.graph(), type->second);
    }
    return result;
}

}  // namespace lacuna
