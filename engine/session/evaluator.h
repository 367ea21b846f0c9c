#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/model/runner.h"

namespace lacuna {

/// Runs a model under masks for a session; keeps the loaded model between runs. One thread at a time.
class Evaluator {
  public:
    struct Result {
        std::optional<Evaluation> dense;   ///< of the unpruned model
        std::optional<Evaluation> pruned;  ///< under `masks`
        MaskSet masks;
        std::string problem;  ///< why there is no number, in words
    };

    /// Hands each number to `found` as it is there: the dense one first if it is asked for. Returns early, with nothing
    /// more to hand over, once `progress` is cancelled.
    void run(const CheckpointPtr& checkpoint, const Dataset& data, const MaskSet& masks, bool need_dense,
             Progress& progress, const std::function<void(const Result&)>& found);

  private:
    CheckpointPtr loaded_;
    std::unique_ptr<Runner> runner_;
};

}  // namespace lacuna
