#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/session/document.h"

namespace lacuna {

/// The FQNs of the targets whose rule looks at its layer's input, in their order.
std::vector<std::string> weights_to_calibrate(const Checkpoint& checkpoint, std::span<const Target> targets);

inline constexpr const char* not_finite = "what enters the layer is not finite on these data";
inline constexpr const char* finite_hint = "calibrate on data that give finite activations";

/// Throws Error(argument) naming the first of `weights` that `activations` says nothing of (`hint` is what to do) or
/// nothing finite.
void demand_activations(const std::vector<std::string>& weights, const ActivationSet& activations,
                        const std::string& hint);

/// Whether the next step needs a calibration of this tensor that neither came nor failed.
bool is_uncalibrated(const Document& document, size_t tensor);
/// The FQNs of those tensors.
std::vector<std::string> uncalibrated(const Document& document);

/// The document with what a calibration found. Masks that it changes are to be computed again.
DocumentPtr with_calibration(const Document& document, std::shared_ptr<const CalibrationState> calibration);

}  // namespace lacuna
