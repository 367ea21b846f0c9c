#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/session/document.h"

namespace lacuna {

/// The FQNs of the targets whose rule looks at its layer's input, in their order.
std::vector<std::string> weights_to_calibrate(const Checkpoint& checkpoint, std::span<const Target> targets);

/// Takes out of `targets` what a glob brought and whose layer has no input that a rule could weigh (an embedding, an
/// LSTM): what `activations` says nothing of although it says something of others. Gives the FQNs, in their order.
std::vector<std::string> leave_out_unseen(const Checkpoint& checkpoint, const ActivationSet& activations,
                                          std::vector<Target>& targets);

/// `resolve`, without what a glob brought and `leave_out_unseen` takes out.
std::vector<Target> resolve_seen(const Recipe& recipe, const Checkpoint& checkpoint, const ActivationSet& activations);

inline constexpr const char* not_finite = "what enters the layer is not finite on these data";
inline constexpr const char* finite_hint = "calibrate on data that give finite activations";

/// Throws Error(argument) naming the first of `weights` that `activations` says nothing of (`problem` and `hint` tell
/// why and what to do) or nothing finite.
void demand_activations(const std::vector<std::string>& weights, const ActivationSet& activations,
                        const std::string& problem, const std::string& hint);

/// Whether the next step needs a calibration of this tensor that neither came nor failed.
bool is_uncalibrated(const Document& document, size_t tensor);
/// The FQNs of those tensors.
std::vector<std::string> uncalibrated(const Document& document);

/// The document with what a calibration found. Masks that it changes are to be computed again.
DocumentPtr with_calibration(const Document& document, std::shared_ptr<const CalibrationState> calibration);

}  // namespace lacuna
