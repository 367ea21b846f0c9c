#include "engine/session/unsaved.h"

#include <algorithm>
#include <vector>

#include "engine/base/numbers.h"
#include "engine/session/document.h"

namespace lacuna {
namespace {

bool same_choices(const TensorState& a, const TensorState& b) {
    return a.sparsifier == b.sparsifier && a.options == b.options && a.schedule == b.schedule && a.frozen == b.frozen;
}

}  // namespace

UnsavedWork unsaved_work(const Snapshot& snapshot) {
    UnsavedWork work;
    if (!snapshot.modified || !snapshot.saved) return work;
    work.steps = std::max(0, snapshot.steps - snapshot.saved->steps);
    work.schedule = snapshot.schedule != snapshot.saved->schedule;
    for (size_t i = 0; i < snapshot.tensors.size(); ++i) {
        const TensorStatePtr &now = snapshot.tensors[i], &then = snapshot.saved->tensors[i];
        if (now == then) continue;
        work.choices += !same_choices(*now, *then);
        work.masks += work.steps == 0 && now->stepped != then->stepped;
    }
    return work;
}

std::string in_words(const UnsavedWork& work) {
    std::vector<std::string> parts;
    if (work.steps > 0) parts.push_back(counted(work.steps, "step"));
    if (work.choices > 0) parts.push_back("choices for " + counted(work.choices, "tensor"));
    if (work.masks > 0) parts.push_back("masks of " + counted(work.masks, "tensor"));
    if (work.schedule) parts.push_back("the schedule");
    std::string words;
    for (size_t i = 0; i < parts.size(); ++i)
        words += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    return words;
}

}  // namespace lacuna
