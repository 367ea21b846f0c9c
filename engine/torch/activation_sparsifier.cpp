#include "engine/torch/activation_sparsifier.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <torch/script.h>

#include <algorithm>
#include <mutex>

#include "engine/base/error.h"
#include "engine/torch/activation_masks.h"
#include "engine/torch/module_fqn.h"

namespace lacuna {
namespace {

Error wrong(const std::string& layer, std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, layer, std::move(what), std::move(hint));
}

ActivationConfig merged(ActivationConfig base, const ActivationConfig& over) {
    if (over.aggregate_fn) base.aggregate_fn = over.aggregate_fn;
    if (over.reduce_fn) base.reduce_fn = over.reduce_fn;
    if (over.mask_fn) base.mask_fn = over.mask_fn;
    if (over.features) base.features = over.features;
    if (over.feature_dim) base.feature_dim = over.feature_dim;
    for (const auto& [name, value] : over.sparse_config.values()) base.sparse_config.set(name, value);
    return base;
}

void check(const std::string& layer, const ActivationConfig& config) {
    const auto need = [&](bool given, const char* what) {
        if (!given)
            throw wrong(layer, std::string("there is no ") + what, "give it here or as the sparsifier's default");
    };
    need(bool(config.aggregate_fn), "aggregate_fn");
    need(bool(config.reduce_fn), "reduce_fn");
    need(bool(config.mask_fn), "mask_fn");
    if (!config.features) return;
    need(!config.features->empty(), "index in features");
    need(config.feature_dim.has_value(), "feature_dim, which features need");
    for (const std::vector<int64_t>& feature : *config.features)
        if (feature.empty()) throw wrong(layer, "an entry of features names no index");
}

/// A registered layer with what its hook works on; the hook shares it.
struct LiveLayer {
    std::mutex mutex;
    ActivationLayer layer;

    void gather(const at::Tensor& input) {
        const std::lock_guard lock(mutex);
        const at::NoGradGuard no_grad;
        const ActivationConfig& config = layer.config;
        const std::vector<at::Tensor> parts = parts_of(input.detach(), config.features, config.feature_dim, layer.name);
        layer.data.resize(parts.size());
        for (size_t i = 0; i < parts.size(); ++i) add(layer.data[i], parts[i]);
        if (!layer.masks.empty()) return;
        for (const at::Tensor& part : parts) layer.masks.push_back(at::ones_like(part));
    }

    void add(std::vector<at::Tensor>& gathered, const at::Tensor& part) const {
        const auto same = [&](const at::Tensor& other) { return other.sizes() == part.sizes(); };
        const auto found = std::find_if(gathered.begin(), gathered.end(), same);
        if (found == gathered.end())
            gathered.push_back(part.clone());  // the model may write over its own
        else
            *found = layer.config.aggregate_fn(*found, part).detach();
    }

    std::vector<at::Tensor> next_masks() const {
        std::vector<at::Tensor> masks;
        for (const std::vector<at::Tensor>& gathered : layer.data) {
            at::Tensor reduced = layer.config.reduce_fn(gathered.front());
            for (size_t i = 1; i < gathered.size(); ++i)
                reduced = layer.config.aggregate_fn(reduced, layer.config.reduce_fn(gathered[i]));
            masks.push_back(layer.config.mask_fn(reduced, layer.config.sparse_config).detach());
        }
        return masks;
    }
};
using LiveLayerPtr = std::shared_ptr<LiveLayer>;

HookedModule::Hook hook_of(const LiveLayerPtr& live) {
    const auto tensor_of = [](const c10::IValue& value, const std::string& name) {
        if (!value.isTensor()) throw wrong(name, "its first input is no tensor", "register layers that take one");
        return value.toTensor();
    };
    if (live->layer.hook == ActivationHook::aggregate)
        return [live, tensor_of](c10::IValue& value) { live->gather(tensor_of(value, live->layer.name)); };
    if (live->layer.hook == ActivationHook::none) return {};
    return [live, tensor_of](c10::IValue& value) {
        const ActivationLayer& layer = live->layer;
        value = masked(tensor_of(value, layer.name), layer.masks, layer.config.features, layer.config.feature_dim,
                       layer.name);
    };
}

/// By value: no tensor is shared. Masks become sparse or dense.
ActivationLayer copy_of(const ActivationLayer& layer, bool sparse) {
    ActivationLayer copy = layer;
    for (at::Tensor& mask : copy.masks) {
        mask = mask.is_sparse() ? mask.to_dense() : mask.clone();
        if (sparse) mask = mask.to_sparse();
    }
    for (auto& gathered : copy.data)
        for (at::Tensor& tensor : gathered) tensor = tensor.clone();
    return copy;
}

}  // namespace

struct ActivationSparsifier::Impl {
    Impl(const torch::jit::Module& from, ActivationConfig config)
        : model(from), hooked(from), defaults(std::move(config)) {}

    /// The layer's first name, under which it is known.
    std::string name_of(std::string_view fqn) const {
        const auto layer = fqn_to_module(model, fqn);
        if (!layer)
            throw wrong(std::string(fqn), "the model has no layer of that name", "names are those of named_modules()");
        return *module_to_fqn(model, *layer);
    }

    std::string name_of(const torch::jit::Module& layer) const {
        const auto name = module_to_fqn(model, layer);
        if (!name) throw wrong("layer", "it is not part of the model", "give a layer of the model that is sparsified");
        return *name;
    }

    size_t index_of(const std::string& name) const {
        const auto found =
            std::find_if(layers.begin(), layers.end(), [&](const auto& live) { return live->layer.name == name; });
        if (found == layers.end()) throw wrong(name, "this layer is not registered", "call register_layer first");
        return size_t(found - layers.begin());
    }

    void attach(const LiveLayerPtr& live) { hooked.before(live->layer.name, hook_of(live)); }

    void drop(size_t index) {
        hooked.before(layers[index]->layer.name, {});
        layers.erase(layers.begin() + int64_t(index));
    }

    void add(const std::string& name, const ActivationConfig& config) {
        auto live = std::make_shared<LiveLayer>();
        live->layer.name = name;
        live->layer.config = merged(defaults, config);
        check(name, live->layer.config);
        attach(live);
        std::erase_if(layers, [&](const auto& other) { return other->layer.name == name; });
        layers.push_back(std::move(live));
    }

    std::vector<at::Tensor> mask(const std::string& name) const {
        const LiveLayerPtr& live = layers[index_of(name)];
        if (live->layer.masks.empty())
            throw Error(ErrorKind::state, name, "the mask's shape is not known yet", "run the model once");
        return live->layer.masks;
    }

    torch::jit::Module model;
    HookedModule hooked;
    ActivationConfig defaults;
    std::vector<LiveLayerPtr> layers;
};

ActivationSparsifier::ActivationSparsifier(const torch::jit::Module& model, ActivationConfig defaults)
    : impl_(std::make_unique<Impl>(model, std::move(defaults))) {}
ActivationSparsifier::~ActivationSparsifier() = default;
ActivationSparsifier::ActivationSparsifier(ActivationSparsifier&&) noexcept = default;
ActivationSparsifier& ActivationSparsifier::operator=(ActivationSparsifier&&) noexcept = default;

void ActivationSparsifier::register_layer(std::string_view fqn, const ActivationConfig& config) {
    impl_->add(impl_->name_of(fqn), config);
}

void ActivationSparsifier::register_layer(const torch::jit::Module& layer, const ActivationConfig& config) {
    impl_->add(impl_->name_of(layer), config);
}

void ActivationSparsifier::unregister_layer(std::string_view fqn) {
    impl_->drop(impl_->index_of(impl_->name_of(fqn)));
}

c10::IValue ActivationSparsifier::forward(std::vector<c10::IValue> inputs) const {
    return impl_->hooked.forward(std::move(inputs));
}

c10::IValue ActivationSparsifier::forward(std::vector<c10::IValue> inputs,
                                          const HookedModule::Keywords& keywords) const {
    return impl_->hooked.forward(std::move(inputs), keywords);
}

void ActivationSparsifier::step() {
    const at::NoGradGuard no_grad;
    std::vector<std::vector<at::Tensor>> next;
    for (const LiveLayerPtr& live : impl_->layers) next.push_back(live->next_masks());
    for (size_t i = 0; i < next.size(); ++i) {
        ActivationLayer& layer = impl_->layers[i]->layer;
        if (layer.data.empty()) continue;
        layer.masks = std::move(next[i]);
        layer.data.clear();
    }
}

void ActivationSparsifier::squash_mask(bool attach_sparsify_hook) {
    if (attach_sparsify_hook)
        for (const LiveLayerPtr& live : impl_->layers) impl_->mask(live->layer.name);
    for (const LiveLayerPtr& live : impl_->layers) {
        live->layer.hook = attach_sparsify_hook ? ActivationHook::sparsify : ActivationHook::none;
        impl_->attach(live);
    }
}

std::vector<at::Tensor> ActivationSparsifier::get_mask(std::string_view fqn) const {
    return impl_->mask(impl_->name_of(fqn));
}

std::vector<at::Tensor> ActivationSparsifier::get_mask(const torch::jit::Module& layer) const {
    return impl_->mask(impl_->name_of(layer));
}

std::vector<ActivationLayer> ActivationSparsifier::layers() const {
    std::vector<ActivationLayer> layers;
    for (const LiveLayerPtr& live : impl_->layers) layers.push_back(copy_of(live->layer, false));
    return layers;
}

ActivationState ActivationSparsifier::state_dict() const {
    ActivationState state{impl_->defaults, {}};
    for (const LiveLayerPtr& live : impl_->layers) state.layers.push_back(copy_of(live->layer, true));
    return state;
}

void ActivationSparsifier::load_state_dict(const ActivationState& state) {
    std::vector<LiveLayerPtr> loaded;
    for (const ActivationLayer& layer : state.layers) {
        auto live = std::make_shared<LiveLayer>();
        live->layer = copy_of(layer, false);
        live->layer.name = impl_->name_of(layer.name);
        check(layer.name, layer.config);
        if (!impl_->hooked.takes_input(layer.name)) throw wrong(layer.name, "it takes no input that could be masked");
        if (std::any_of(loaded.begin(), loaded.end(), [&](const auto& l) { return l->layer.name == live->layer.name; }))
            throw wrong(layer.name, "the state has this layer twice");
        const size_t masks = layer.config.features ? layer.config.features->size() : 1;
        if (layer.masks.empty() ? layer.hook == ActivationHook::sparsify : layer.masks.size() != masks)
            throw wrong(layer.name, "the state has " + std::to_string(layer.masks.size()) + " masks where " +
                                        std::to_string(masks) + " belong");
        loaded.push_back(std::move(live));
    }
    for (const LiveLayerPtr& live : impl_->layers) impl_->hooked.before(live->layer.name, {});
    impl_->layers = std::move(loaded);
    impl_->defaults = state.defaults;
    for (const LiveLayerPtr& live : impl_->layers) impl_->attach(live);
}

torch::jit::Module ActivationSparsifier::masked_model() const {
    std::vector<BuiltInMask> masks;
    for (const LiveLayerPtr& live : impl_->layers) {
        const ActivationLayer& layer = live->layer;
        if (layer.hook == ActivationHook::sparsify)
            masks.push_back({layer.name, layer.masks, layer.config.features, layer.config.feature_dim});
    }
    return with_masks(impl_->model, masks);
}

}  // namespace lacuna
