#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/schedulers/scheduler.h"
#include "engine/session/scheduled_data.h"
#include "engine/sparsifiers/sparsity_level.h"
#include "engine/torch/data_sparsifier.h"

namespace torch::nn {
class Module;
}

namespace lacuna {

class MaskedTensor;

/// How sparse a parameter is under its mask: pruned weights of all, from 0 to 1.
struct ParameterSparsity {
    std::string name;
    double sparsity = 0;
};

/// Prunes every parameter of a trained model by its data (torch.ao.pruning's PostTrainingDataSparsity callback,
/// docs/parity.md, callbacks): for programs' own training loops, which call it at the end.
class PostTrainingSparsity {
  public:
    /// Each time a DataSparsifier of that rule and these options is made.
    explicit PostTrainingSparsity(const Sparsifier& rule, Options options = {})
        : rule_(&rule), options_(std::move(options)) {}

    const Sparsifier& rule() const { return *rule_; }
    const Options& options() const { return options_; }

    /// Copies the model, puts it into evaluation mode and prunes the copy; the model stays as it is. Throws what
    /// `clone` does where a module of the caller's own cannot be cloned, and Error(argument) for a parameter that the
    /// rule cannot prune.
    void on_fit_end(const torch::nn::Module& model);
    /// The same in place, for a model that cannot be cloned.
    void sparsify(torch::nn::Module& model);

    /// The pruned copy; null before `on_fit_end`.
    const std::shared_ptr<torch::nn::Module>& sparsified() const { return sparsified_; }
    /// Masks and groups, by parameter name. Null before either call.
    DataSparsifier* data_sparsifier() { return data_sparsifier_.get(); }
    std::vector<ParameterSparsity> sparsity() const;

  private:
    const Sparsifier* rule_;
    Options options_;
    std::shared_ptr<torch::nn::Module> sparsified_;
    std::unique_ptr<DataSparsifier> data_sparsifier_;
};

/// Prunes every parameter of a model while it is trained (torch.ao.pruning's TrainingAwareDataSparsity callback,
/// docs/parity.md). The model itself is masked: from the end of each epoch on it computes, and trains, with its pruned
/// parameters as +0, while their originals are kept aside and may revive.
///
///     TrainingAwareSparsity aware(sparsifier("data_norm"), options, schedule);
///     aware.on_train_start(*model);
///     for (epochs) { for (batches) { …; optimizer.step(); aware.on_train_batch_end(); } aware.on_train_epoch_end(); }
///     aware.on_train_end();
class TrainingAwareSparsity {
  public:
    /// `schedule` moves the rule's option `scheduled` after every epoch. `rule` must outlive this.
    TrainingAwareSparsity(const Sparsifier& rule, Options options, SchedulePtr schedule,
                          SchedulerSettings settings = {}, std::string scheduled = sparsity_level_option);
    ~TrainingAwareSparsity();
    TrainingAwareSparsity(const TrainingAwareSparsity&) = delete;
    TrainingAwareSparsity& operator=(const TrainingAwareSparsity&) = delete;

    /// Puts a mask of ones on every parameter and starts the schedule. All or nothing. Throws Error(argument) for a
    /// parameter that the rule cannot prune; Error(state) the second time or for one that another sparsifier masked.
    void on_train_start(const torch::nn::Module& model);
    /// After every step of an optimizer: pruned parameters read +0 again.
    void on_train_batch_end();
    /// Computes new masks from the original values, lays them on the model, and moves the schedule on.
    void on_train_epoch_end();
    /// Makes the masks permanent.
    void on_train_end();

    /// Masks and groups, by parameter name; between start and end. Throws Error(state) at other times.
    const DataPruning& pruning() const;
    const Scheduler& scheduler() const;
    /// Throws Error(state) before the start.
    std::vector<ParameterSparsity> sparsity() const;

  private:
    struct Run;
    Run& running(const char* call) const;

    const Sparsifier& rule_;
    Options options_;
    SchedulePtr schedule_;
    SchedulerSettings settings_;
    std::string scheduled_;
    std::unique_ptr<Run> run_;
    bool ended_ = false;
};

}  // namespace lacuna
