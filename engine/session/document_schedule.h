#pragma once

#include "engine/session/document.h"

namespace lacuna {

/// The option that schedules move.
inline const std::string scheduled_option = "sparsity_level";

/// The level of a tensor's own options; nothing if its rule has none or they do not go together.
std::optional<double> own_level(const TensorState& state);

/// A tensor's rule's options as the next step takes them: complete, with the level that the schedule gives. Throws
/// Error(argument) if they do not go together.
Options next_options(const TensorState& state);

/// Brings every tensor's scheduled level to the document's next step. Masks under another level are to be computed
/// again. After the last step the levels stay where it left them, so that nothing is previewed. Throws Error(argument)
/// if a schedule gives no finite level for a step.
void reschedule(Document& document);

/// Another schedule, its curve ending at the last step; "" for none. Throws Error(argument) for an unknown one, and
/// Error(state) if no tensor has a level that could move.
DocumentPtr with_schedule(const Document& document, const std::string& name);
/// Throws Error(state) without a schedule, Error(argument) for fewer steps than were taken or more than a recipe takes.
DocumentPtr with_steps(const Document& document, int steps);
/// Curves that end at the last step. Throws Error(state) without a schedule.
DocumentPtr with_fitted_schedule(const Document& document);
EditResult with_schedule_option(const Document& document, const std::vector<size_t>& tensors, const std::string& option,
                                const std::optional<OptionValue>& value);  ///< no value: back to the default

/// Tensors that a rule holds for, put together by rule, options and schedule options: the groups of a recipe, in the
/// order of their first tensors.
std::vector<std::vector<size_t>> groups_of(const std::vector<TensorStatePtr>& tensors);

}  // namespace lacuna
