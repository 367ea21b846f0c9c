#pragma once

#include <string>

#include "engine/session/session.h"

namespace lacuna {

/// What a document has that is saved nowhere.
struct UnsavedWork {
    int steps = 0;        ///< taken since
    int64_t choices = 0;  ///< tensors of other sparsifiers, options or schedule options, frozen or freed
    int64_t masks = 0;    ///< tensors whose masks changed, though no step was taken
    bool schedule = false;

    bool empty() const { return steps == 0 && choices == 0 && masks == 0 && !schedule; }
    bool operator==(const UnsavedWork&) const = default;
};

UnsavedWork unsaved_work(const Snapshot& snapshot);
/// "2 steps, choices for 3 tensors and the schedule".
std::string in_words(const UnsavedWork& work);

}  // namespace lacuna
