// Reads any bytes as each of the files that go with a model and a recipe: states of sparsifiers, data sparsifiers and
// schedulers, activations, masks, samples. A sparsifier's state must be read again from what is written.
#include <array>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/model/runner.h"
#include "engine/session/activations_file.h"
#include "engine/session/data_pruning.h"
#include "engine/session/scheduler_state_file.h"
#include "engine/session/sparsifier_state.h"
#include "engine/sparsifiers/registry.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/small_model.h"

namespace {

using Path = std::filesystem::path;

void read_again(const lacuna::SparsifierState& state) {
    static const lacuna::testing_support::ScratchFolder folder;
    lacuna::Progress progress;
    lacuna::write_sparsifier_state(state, folder / "state.pt", progress);
    const lacuna::SparsifierState again = lacuna::read_sparsifier_state(folder / "state.pt");
    if (again.groups.size() != state.groups.size()) __builtin_trap();
    for (size_t i = 0; i < state.groups.size(); ++i) {
        const lacuna::SavedGroup &was = state.groups[i], &is = again.groups[i];
        if (was.tensor_fqn != is.tensor_fqn || !was.mask != !is.mask) __builtin_trap();
        if (was.mask && *was.mask != *is.mask) __builtin_trap();
    }
}

void take_sparsifier_state(const Path& path) {
    const lacuna::SparsifierState state = lacuna::read_sparsifier_state(path);
    for (const lacuna::SavedGroup& group : state.groups)
        if (const lacuna::Sparsifier* rule = lacuna::saved_sparsifier(group))
            lacuna::saved_options(group, *rule, state.source);
    read_again(state);
    const auto tensors = lacuna::saved_tensors(state, *lacuna::fuzz::small_model());
    std::vector<lacuna::Target> targets;
    for (size_t i = 0; i < tensors.size(); ++i) {
        const lacuna::Sparsifier* rule = lacuna::saved_sparsifier(state.groups[i]);
        if (!rule) continue;
        const lacuna::Options options = rule->complete(lacuna::saved_options(state.groups[i], *rule, state.source));
        rule->check(options, &lacuna::fuzz::small_model()->tensors()[tensors[i]].shape);
        targets.push_back({tensors[i], rule, options});
    }
    lacuna::Pruning pruning(lacuna::fuzz::small_model(), std::move(targets));
    lacuna::take_masks(pruning, state);
    lacuna::Progress progress;
    pruning.step(progress);
}

void go_on_from(const lacuna::DataPruningState& state, const lacuna::Sparsifier& rule) {
    lacuna::DataPruning pruning(rule);
    pruning.load_state(state);
    pruning.step();
}

void take_data_state(const Path& path) {
    const lacuna::DataPruningState state = lacuna::read_data_state(path);
    go_on_from(state, lacuna::sparsifier(state.sparsifier));
}

void take_torch_data_state(const Path& path) {
    const lacuna::Sparsifier& rule = lacuna::sparsifier("data_norm");
    go_on_from(lacuna::read_torch_state(path, rule), rule);
}

void take_scheduler_state(const Path& path) {
    const std::array<std::string, 2> groups{"encoder.fc1.weight", "head.weight"};
    lacuna::plain_value(lacuna::read_scheduler_state(path, groups));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    lacuna::set_threads(1);
    const lacuna::fuzz::MemoryFile file(data, size);
    if (!file) return 0;
    constexpr std::array<void (*)(const Path&), 7> readers{
        take_sparsifier_state,
        take_data_state,
        take_torch_data_state,
        take_scheduler_state,
        [](const Path& path) { lacuna::read_activations(path); },
        [](const Path& path) { lacuna::read_masks(path); },
        [](const Path& path) { lacuna::Dataset::open(path); },
    };
    for (const auto reader : readers) {
        try {
            reader(file.path());
        } catch (const lacuna::Error&) {
        }
    }
    return 0;
}
