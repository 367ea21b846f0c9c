#include "ui/canvas/schedule_plot.h"

#include <algorithm>
#include <limits>

#include "engine/base/numbers.h"
#include "engine/session/document_schedule.h"

namespace lacuna::ui {
namespace {

constexpr size_t most_curves = 12;
constexpr double not_known = std::numeric_limits<double>::quiet_NaN();

std::vector<double> measured(const Snapshot& snapshot, const std::vector<size_t>& tensors) {
    std::vector<double> shares;
    int64_t all = 0;
    for (const size_t tensor : tensors) all += snapshot.model->checkpoint().tensors()[tensor].elements();
    for (const StepRecord& record : snapshot.history) {
        int64_t kept = 0;
        for (size_t i = 0; record && i < tensors.size(); ++i) kept += record->at(tensors[i]);
        shares.push_back(!record ? not_known : all > 0 ? 1 - double(kept) / double(all) : 0);
    }
    return shares;
}

}  // namespace

std::string group_name(const Snapshot& snapshot, const std::vector<size_t>& tensors) {
    std::string name = snapshot.model->checkpoint().tensors()[tensors[0]].name;
    if (tensors.size() > 1) name += " and " + lacuna::grouped(int64_t(tensors.size()) - 1) + " more";
    return name;
}

std::vector<size_t> tensors_with_level(const Snapshot& snapshot) {
    std::vector<size_t> tensors;
    const TensorState* last = nullptr;
    bool has_level = false;
    for (size_t i = 0; i < snapshot.tensors.size(); ++i) {
        const TensorState* state = snapshot.tensors[i].get();
        if (!state->sparsifier) continue;
        // Most neighbours have equal options.
        if (!last || last->sparsifier != state->sparsifier || !(last->options == state->options))
            has_level = own_level(*state).has_value();
        last = state;
        if (has_level) tensors.push_back(i);
    }
    return tensors;
}

bool can_be_scheduled(const Snapshot& snapshot) {
    return std::any_of(snapshot.tensors.begin(), snapshot.tensors.end(),
                       [](const TensorStatePtr& state) { return own_level(*state).has_value(); });
}

SchedulePlot schedule_plot(const Snapshot& snapshot) {
    SchedulePlot plot;
    plot.taken = snapshot.steps;
    if (!snapshot.model || !snapshot.schedule) return plot;
    plot.scheduled = true;
    plot.steps = snapshot.schedule->steps;
    for (const auto& tensors : groups_of(snapshot.tensors)) {
        const TensorState& first = *snapshot.tensors[tensors[0]];
        const auto target = own_level(first);
        if (!target) continue;
        if (plot.curves.size() == most_curves) {
            ++plot.left_out;
            continue;
        }
        plot.curves.push_back({group_name(snapshot, tensors), *target,
                               schedule_curve(links_of(*snapshot.schedule, first), *target, plot.steps),
                               measured(snapshot, tensors)});
    }
    return plot;
}

}  // namespace lacuna::ui
