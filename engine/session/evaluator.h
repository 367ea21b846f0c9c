#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "engine/base/error.h"
#include "engine/model/runner.h"

namespace lacuna {

/// Runs a model for a session, under masks or to calibrate; keeps the loaded model between runs. Any thread may call
/// it; a second call waits for the first.
class Evaluator {
  public:
    struct Result {
        std::optional<Evaluation> dense;   ///< of the unpruned model
        std::optional<Evaluation> pruned;  ///< under `masks`
        MaskSet masks;
        std::optional<Error> problem;  ///< why there is no number
    };

    /// Hands each number to `found` as it is there: the dense one first if it is asked for. Returns early, with nothing
    /// more to hand over, once `progress` is cancelled.
    void run(const CheckpointPtr& checkpoint, const Dataset& data, const MaskSet& masks, bool need_dense,
             Progress& progress, const std::function<void(const Result&)>& found);

    /// What all samples bring to the layers of `weights`. What an earlier call saw with the same model and data is not
    /// run again. Weights whose layer has no input are left out. Throws Error and Cancelled as Runner::calibrate and
    /// make_runner do.
    ActivationSet calibrate(const CheckpointPtr& checkpoint, const DatasetPtr& data,
                            const std::vector<std::string>& weights, Progress& progress);

  private:
    Runner& runner_for(const CheckpointPtr& checkpoint);

    std::mutex mutex_;  ///< guards everything
    CheckpointPtr loaded_;
    std::unique_ptr<Runner> runner_;
    CheckpointPtr calibrated_;  ///< that `seen_` is of
    DatasetPtr calibrated_on_;
    ActivationSet seen_;
};

}  // namespace lacuna
