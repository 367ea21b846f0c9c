#include "engine/session/calibration.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/session/document_edit.h"

namespace lacuna {

std::vector<std::string> weights_to_calibrate(const Checkpoint& checkpoint, std::span<const Target> targets) {
    std::vector<std::string> weights;
    for (const Target& target : targets)
        if (target.sparsifier->needs_activations()) weights.push_back(checkpoint.tensors()[target.tensor].name);
    return weights;
}

std::vector<std::string> leave_out_unseen(const Checkpoint& checkpoint, const ActivationSet& activations,
                                          std::vector<Target>& targets) {
    const auto name = [&](const Target& target) -> const std::string& {
        return checkpoint.tensors()[target.tensor].name;
    };
    std::vector<std::string> left_out;
    if (std::none_of(targets.begin(), targets.end(), [&](const Target& target) {
            return target.sparsifier->needs_activations() && activations.contains(name(target));
        }))
        return left_out;
    std::erase_if(targets, [&](const Target& target) {
        const bool unseen =
            target.by_glob && target.sparsifier->needs_activations() && !activations.contains(name(target));
        if (unseen) left_out.push_back(name(target));
        return unseen;
    });
    return left_out;
}

std::vector<Target> resolve_seen(const Recipe& recipe, const Checkpoint& checkpoint, const ActivationSet& activations) {
    std::vector<Target> targets = resolve(recipe, checkpoint);
    leave_out_unseen(checkpoint, activations, targets);
    return targets;
}

bool is_uncalibrated(const Document& document, size_t tensor) {
    const TensorState& state = *document.tensors[tensor];
    if (!state.sparsifier || state.frozen || !state.sparsifier->needs_activations()) return false;
    const std::string& name = document.info(tensor).name;
    return !document.calibration->seen.contains(name) && !document.calibration->problems.contains(name);
}

std::vector<std::string> uncalibrated(const Document& document) {
    std::vector<std::string> weights;
    for (size_t i = 0; i < document.tensors.size(); ++i)
        if (is_uncalibrated(document, i)) weights.push_back(document.info(i).name);
    return weights;
}

DocumentPtr with_calibration(const Document& document, std::shared_ptr<const CalibrationState> calibration) {
    const auto seen_in = [](const CalibrationState& one, const std::string& name) {
        const auto found = one.seen.find(name);
        return found == one.seen.end() ? nullptr : found->second;
    };
    auto next = std::make_shared<Document>(document);
    for (size_t i = 0; i < next->tensors.size(); ++i) {
        const TensorState& state = *document.tensors[i];
        if (!state.sparsifier || !state.sparsifier->needs_activations()) continue;
        const std::string& name = document.info(i).name;
        if (state.problem.empty() && seen_in(*document.calibration, name) == seen_in(*calibration, name)) continue;
        auto changed = std::make_shared<TensorState>(state);
        outdate(*changed, document.info(i).elements());
        next->tensors[i] = std::move(changed);
    }
    outdate_units(document.tensors, *next);
    next->calibration = std::move(calibration);
    return next;
}

void demand_activations(const std::vector<std::string>& weights, const ActivationSet& activations,
                        const std::string& problem, const std::string& hint) {
    for (const std::string& weight : weights) {
        const auto seen = activations.find(weight);
        if (seen == activations.end()) throw Error(ErrorKind::argument, weight, problem, hint);
        if (!are_sums_of_squares(*seen->second)) throw Error(ErrorKind::argument, weight, not_finite, finite_hint);
    }
}

}  // namespace lacuna
