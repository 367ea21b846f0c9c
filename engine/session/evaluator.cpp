#include "engine/session/evaluator.h"

#include "engine/base/error.h"

namespace lacuna {

void Evaluator::run(const CheckpointPtr& checkpoint, const Dataset& data, const MaskSet& masks, bool need_dense,
                    Progress& progress, const std::function<void(const Result&)>& found) {
    Result result;
    result.masks = masks;
    try {
        if (loaded_ != checkpoint) {
            runner_.reset();
            runner_ = make_runner(checkpoint, "cpu");
            loaded_ = checkpoint;
        }
        if (need_dense) {
            result.dense = runner_->evaluate(data, {}, progress);
            if (!masks.empty()) found(result);
        }
        result.pruned = masks.empty() && result.dense ? *result.dense : runner_->evaluate(data, masks, progress);
    } catch (const Cancelled&) {
        return;
    } catch (const std::exception& error) {
        result.problem = error.what();
    }
    found(result);
}

}  // namespace lacuna
