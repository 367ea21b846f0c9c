#include "engine/torch/data_callbacks.h"

#include <torch/nn/module.h>

#include <unordered_set>

#include "engine/base/error.h"
#include "engine/torch/masked_tensor.h"

namespace lacuna {
namespace {

std::vector<ParameterSparsity> sparsity_of_all(const DataPruning& pruning) {
    std::vector<ParameterSparsity> all;
    for (size_t i = 0; i < pruning.size(); ++i)
        all.push_back({pruning.name(i), pruning.get_mask(pruning.name(i)).sparsity()});
    return all;
}

/// Each parameter once, under the first of its names.
std::vector<std::pair<std::string, at::Tensor>> parameters_of(const torch::nn::Module& model) {
    std::vector<std::pair<std::string, at::Tensor>> parameters;
    std::unordered_set<const void*> seen;
    for (const auto& parameter : model.named_parameters())
        if (seen.insert(parameter.value().unsafeGetTensorImpl()).second)
            parameters.emplace_back(parameter.key(), parameter.value());
    return parameters;
}

}  // namespace

// --- after training

void PostTrainingSparsity::on_fit_end(const torch::nn::Module& model) {
    auto copy = model.clone();
    copy->eval();
    sparsify(*copy);
    sparsified_ = std::move(copy);
}

void PostTrainingSparsity::sparsify(torch::nn::Module& model) {
    auto data = std::make_unique<DataSparsifier>(*rule_, options_);
    for (const auto& [name, tensor] : parameters_of(model)) data->add_data(name, tensor);
    data->step();
    data->squash_mask();
    data_sparsifier_ = std::move(data);
}

std::vector<ParameterSparsity> PostTrainingSparsity::sparsity() const {
    return data_sparsifier_ ? sparsity_of_all(data_sparsifier_->pruning()) : std::vector<ParameterSparsity>{};
}

// --- while training

struct TrainingAwareSparsity::Run {
    Run(const Sparsifier& rule, const Options& options, std::string scheduled)
        : pruning(rule, options), driven(pruning, std::move(scheduled)) {}

    /// Brings the originals up to date with what was written to the parameters.
    void refresh() {
        for (const auto& [name, tensor] : tensors) pruning.relink(name, data_ref(tensor->original()));
    }

    DataPruning pruning;  ///< over the originals
    ScheduledData driven;
    std::map<std::string, std::unique_ptr<MaskedTensor>> tensors;
    std::unique_ptr<Scheduler> scheduler;
};

TrainingAwareSparsity::TrainingAwareSparsity(const Sparsifier& rule, Options options, SchedulePtr schedule,
                                             SchedulerSettings settings, std::string scheduled)
    : rule_(rule),
      options_(std::move(options)),
      schedule_(std::move(schedule)),
      settings_(std::move(settings)),
      scheduled_(std::move(scheduled)) {}

TrainingAwareSparsity::~TrainingAwareSparsity() = default;

void TrainingAwareSparsity::on_train_start(const torch::nn::Module& model) {
    if (run_ && !ended_)
        throw Error(ErrorKind::state, "on_train_start", "training has started already", "end it first");
    auto run = std::make_unique<Run>(rule_, options_, scheduled_);
    const auto parameters = parameters_of(model);
    for (const auto& [name, tensor] : parameters) {
        if (MaskedTensor::is_masked(tensor))
            throw Error(ErrorKind::state, name, "another sparsifier has masked it", "squash that one first");
        run->pruning.add_data(name, data_ref(tensor));
    }
    run->scheduler = std::make_unique<Scheduler>(run->driven, schedule_, settings_);
    for (const auto& [name, tensor] : parameters)
        run->tensors[name] = std::make_unique<MaskedTensor>(
            name, tensor, std::make_shared<const Mask>(Mask::ones(tensor.sizes().vec())));
    run->refresh();
    run_ = std::move(run);
    ended_ = false;
}

void TrainingAwareSparsity::on_train_batch_end() {
    running("on_train_batch_end").refresh();
}

void TrainingAwareSparsity::on_train_epoch_end() {
    Run& run = running("on_train_epoch_end");
    run.refresh();
    run.pruning.step();
    for (const auto& [name, tensor] : run.tensors) {
        tensor->set_mask(std::make_shared<const Mask>(run.pruning.get_mask(name)));
        run.pruning.relink(name, data_ref(tensor->original()));
    }
    run.scheduler->step();
}

void TrainingAwareSparsity::on_train_end() {
    Run& run = running("on_train_end");
    run.refresh();
    for (const auto& [name, tensor] : run.tensors) tensor->squash();
    run.tensors.clear();
    ended_ = true;
}

TrainingAwareSparsity::Run& TrainingAwareSparsity::running(const char* call) const {
    if (!run_ || ended_)
        throw Error(ErrorKind::state, call, run_ ? "training has ended" : "training has not started",
                    "call on_train_start first");
    return *run_;
}

const DataPruning& TrainingAwareSparsity::pruning() const {
    return running("pruning").pruning;
}

const Scheduler& TrainingAwareSparsity::scheduler() const {
    return *running("scheduler").scheduler;
}

std::vector<ParameterSparsity> TrainingAwareSparsity::sparsity() const {
    if (!run_) throw Error(ErrorKind::state, "sparsity", "training has not started", "call on_train_start first");
    return sparsity_of_all(run_->pruning);
}

}  // namespace lacuna
