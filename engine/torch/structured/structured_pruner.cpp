#include "engine/torch/structured/structured_pruner.h"

#include <torch/script.h>

#include <set>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/prune_bias.h"
#include "engine/torch/structured/shrink.h"

namespace lacuna {
namespace {

SparsifyConfig all_weights(const torch::jit::Module& model) {
    static const std::set<std::string> layers{"Linear", "Conv1d", "Conv2d", "Conv3d", "LSTM"};
    SparsifyConfig config;
    for (const auto& module : model.named_modules()) {
        if (module.name.empty() || !layers.contains(type_name(module.value))) continue;
        for (const auto& parameter : module.value.named_parameters(false))
            if (parameter.name.starts_with("weight") && parameter.value.dim() > 1) {
                SparsifyEntry entry;
                entry.tensor_fqn = join_fqn(module.name, parameter.name);
                config.push_back(std::move(entry));
            }
    }
    return config;
}

/// The mask that a weight's rows lay on the bias beside it: a row that is pruned whole loses its bias.
MaskPtr bias_mask(const Mask& rows, int64_t count) {
    auto mask = std::make_shared<Mask>(Mask::ones({count}));
    const int64_t columns = rows.size() / std::max<int64_t>(count, 1);
    for (int64_t row = 0; row < count; ++row)
        if (columns > 0 && rows.kept_in(row * columns, (row + 1) * columns) == 0) mask->set(row, false);
    return mask;
}

}  // namespace

StructuredPruner::StructuredPruner(const Sparsifier& sparsifier, Options defaults, StructuredOptions how, Ties ties)
    : sparsifier_(sparsifier, std::move(defaults), ties), how_(how) {}

void StructuredPruner::prepare(const torch::jit::Module& model, const std::optional<SparsifyConfig>& config) {
    sparsifier_.prepare(model, config ? *config : all_weights(model));
    biases_.clear();
    model_ = std::make_unique<torch::jit::Module>(model);
    if (!how_.prune_bias) return;
    std::set<std::string> prepared;
    for (const SparsifyGroup& group : sparsifier_.groups()) prepared.insert(group.tensor_fqn);
    for (const auto& pair : structured::weights_and_biases(model))
        if (prepared.contains(pair.weight_fqn) && !MaskedTensor::is_masked(pair.bias))
            biases_.emplace(pair.weight_fqn,
                            std::make_unique<MaskedTensor>(
                                pair.bias_fqn, pair.bias, std::make_shared<Mask>(Mask::ones(pair.bias.sizes().vec()))));
}

void StructuredPruner::step() {
    sparsifier_.step();
    mask_biases();
}

void StructuredPruner::apply_masks() {
    sparsifier_.apply_masks();
    mask_biases();
}

void StructuredPruner::mask_biases() {
    for (auto& [weight_fqn, bias] : biases_)
        bias->set_mask(bias_mask(*sparsifier_.group(weight_fqn).fake_sparsity.mask, bias->tensor().size(0)));
}

torch::jit::Module StructuredPruner::prune(const std::vector<c10::IValue>& example) {
    if (!model_) throw Error(ErrorKind::state, "prune", "nothing is prepared", "call prepare first");
    torch::jit::Module masked = model_->deepcopy();
    masked.eval();
    structured::Shrunk shrunk = structured::shrink(masked, example, how_.narrow_outputs);
    if (how_.strict && !shrunk.notes.empty())
        throw Error(ErrorKind::argument, "prune", shrunk.notes.front(), "leave this tensor out of the configuration");
    structured::demand_equal(masked, shrunk.module, example, shrunk.outputs);
    sparsifier_.squash_mask();
    for (auto& [weight_fqn, bias] : biases_) bias->squash();
    biases_.clear();
    notes_ = std::move(shrunk.notes);
    model_.reset();
    return std::move(shrunk.module);
}

}  // namespace lacuna
