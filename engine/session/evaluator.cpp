#include "engine/session/evaluator.h"

namespace lacuna {

Runner& Evaluator::runner_for(const CheckpointPtr& checkpoint) {
    if (loaded_ != checkpoint) {
        runner_.reset();
        runner_ = make_runner(checkpoint, "cpu");
        loaded_ = checkpoint;
    }
    return *runner_;
}

void Evaluator::run(const CheckpointPtr& checkpoint, const Dataset& data, const MaskSet& masks, bool need_dense,
                    Progress& progress, const std::function<void(const Result&)>& found) {
    const std::lock_guard lock(mutex_);
    Result result;
    result.masks = masks;
    try {
        Runner& runner = runner_for(checkpoint);
        if (need_dense) {
            result.dense = runner.evaluate(data, {}, progress);
            if (!masks.empty()) found(result);
        }
        result.pruned = masks.empty() && result.dense ? *result.dense : runner.evaluate(data, masks, progress);
    } catch (const Cancelled&) {
        return;
    } catch (const Error& error) {
        result.problem = error;
    } catch (const std::exception& error) {
        result.problem.emplace(ErrorKind::state, "", error.what());
    }
    found(result);
}

ActivationSet Evaluator::calibrate(const CheckpointPtr& checkpoint, const DatasetPtr& data,
                                   const std::vector<std::string>& weights, Progress& progress) {
    const std::lock_guard lock(mutex_);
    progress.check();
    if (calibrated_ != checkpoint || calibrated_on_ != data) seen_.clear();
    calibrated_ = checkpoint;
    calibrated_on_ = data;
    std::vector<std::string> unseen;
    for (const std::string& weight : weights)
        if (!seen_.contains(weight)) unseen.push_back(weight);
    if (!unseen.empty())
        seen_.merge(runner_for(checkpoint).calibrate(*data, unseen, progress, WithoutInput::leave_out));
    return seen_;
}

}  // namespace lacuna
