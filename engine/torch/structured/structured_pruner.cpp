#include "engine/torch/structured/structured_pruner.h"

#include <torch/script.h>

#include <set>

#include "engine/base/error.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/prune_bias.h"
#include "engine/torch/structured/shrink.h"

namespace lacuna {
namespace {

SparsifyConfig all_weights(const torch::jit::Module& model) {
    static const std::set<std::string> layers{"Linear", "Conv1d", "Conv2d", "Conv3d", "LSTM"};
    SparsifyConfig config;
    for (const auto& module : model.named_modules()) {
        const auto type = module.value.type()->name();
        if (module.name.empty() || !type || !layers.contains(type->name())) continue;
        for (const auto& parameter : module.value.named_parameters(false))
            if (parameter.name.starts_with("weight") && parameter.value.dim() > 1) {
                SparsifyEntry entry;
                entry.tensor_fqn = join_fqn(module.name, parameter.name);
                config.push_back(std::move(entry));
            }
    }
    return config;
}

}  // namespace

struct StructuredPruner::Bias {
    std::string weight_fqn;
    at::Tensor live, original;
};

StructuredPruner::StructuredPruner(const Sparsifier& sparsifier, Options defaults, StructuredOptions how, Ties ties)
    : sparsifier_(sparsifier, std::move(defaults), ties), how_(how) {}

StructuredPruner::~StructuredPruner() {
    restore_biases();
}

void StructuredPruner::prepare(const torch::jit::Module& model, const std::optional<SparsifyConfig>& config) {
    sparsifier_.prepare(model, config ? *config : all_weights(model));
    restore_biases();
    model_ = std::make_unique<torch::jit::Module>(model);
    if (!how_.prune_bias) return;
    std::set<std::string> prepared;
    for (const SparsifyGroup& group : sparsifier_.groups()) prepared.insert(group.tensor_fqn);
    for (const auto& pair : structured::weights_and_biases(model))
        if (prepared.contains(pair.weight_fqn))
            biases_.push_back({pair.weight_fqn, pair.bias, pair.bias.detach().clone()});
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
    const at::NoGradGuard no_grad;
    for (Bias& bias : biases_) {
        const Mask& mask = *sparsifier_.group(bias.weight_fqn).fake_sparsity.mask;
        const int64_t rows = bias.live.size(0), columns = mask.size() / std::max<int64_t>(rows, 1);
        for (int64_t row = 0; row < rows; ++row) {
            const bool pruned = columns > 0 && mask.kept_in(row * columns, (row + 1) * columns) == 0;
            if (pruned)
                bias.live[row].zero_();
            else if (bias.live[row].eq(0).item<bool>())
                bias.live[row].copy_(bias.original[row]);  // pruned before, and back again
        }
    }
}

void StructuredPruner::restore_biases() {
    const at::NoGradGuard no_grad;
    for (Bias& bias : biases_) bias.live.copy_(bias.original);
    biases_.clear();
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
    biases_.clear();
    notes_ = std::move(shrunk.notes);
    model_.reset();
    return std::move(shrunk.module);
}

}  // namespace lacuna
