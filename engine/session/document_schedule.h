#pragma once

#include "engine/session/document.h"

namespace lacuna {

/// Steps that a new schedule plans.
inline constexpr int first_steps = 10;

/// What a tensor has for one of the document's schedulers, as given.
const Options& schedule_options(const TensorState& state, size_t scheduler);
/// The document's schedulers with a tensor's options, complete. Throws Error(argument).
std::vector<ScheduleLink> links_of(const ScheduleState& schedule, const TensorState& state);

/// The level of a tensor's own options; nothing if its rule has none or they do not go together.
std::optional<double> own_level(const TensorState& state);

/// A tensor's rule's options as the next step takes them: complete, with the level that the schedule gives. Throws
/// Error(argument) if they do not go together.
Options next_options(const TensorState& state);

/// Brings every tensor's scheduled level to the document's next step. Masks under another level are to be computed
/// again. After the last step the levels stay where it left them, so that nothing is previewed. Throws Error(argument)
/// if a schedule gives no finite level for a step.
void reschedule(Document& document);

/// Other schedulers, in order; none for no schedule. Curves of new ones end at the last step, those that were there
/// keep their options. Throws Error(argument) for an unknown one, and Error(state) if no tensor has a level that could
/// move.
DocumentPtr with_schedule(const Document& document, const std::vector<std::string>& names);
/// Throws Error(state) without a schedule, Error(argument) for fewer steps than were taken or more than a recipe takes.
DocumentPtr with_steps(const Document& document, int steps);
/// Curves that end at the last step. Throws Error(state) without a schedule.
DocumentPtr with_fitted_schedule(const Document& document);
EditResult with_schedule_option(const Document& document, const std::vector<size_t>& tensors, size_t scheduler,
                                const std::string& option,
                                const std::optional<OptionValue>& value);  ///< no value: back to the default

/// Tensors that a rule holds for, put together by rule, options and schedule options: the groups of a recipe, in the
/// order of their first tensors.
std::vector<std::vector<size_t>> groups_of(const std::vector<TensorStatePtr>& tensors);

}  // namespace lacuna
