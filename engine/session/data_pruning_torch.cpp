// The states of data prunings as torch.ao.pruning's data sparsifiers keep them.

#include <unordered_map>

#include "engine/base/error.h"
#include "engine/formats/torch_objects.h"
#include "engine/session/data_pruning.h"
#include "engine/session/data_state_writer.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna {
namespace {

constexpr const char* steps_key = "steps";

/// The tensors in a state's "_container".
class Container {
  public:
    explicit Container(const std::filesystem::path& path) : objects_(path) {
        const PickleGraph& graph = objects_.graph();
        const PickleId container = graph.find(graph.root, "_container");
        if (!container || !graph.find(graph.root, "data_groups"))
            throw Error(ErrorKind::format, objects_.where(), "holds no state of a data sparsifier",
                        "save data_sparsifier.state_dict() with torch.save");
        const auto pairs = graph.pairs(container);
        for (size_t i = 0; i + 1 < pairs.size(); i += 2)
            if (graph.kind(pairs[i]) == PickleKind::text) values_.emplace(graph.text(pairs[i]), pairs[i + 1]);
    }

    /// The item of a group, with its values and whether they are squashed, but without options.
    DataPruningState::Item item(const SavedGroup& group) {
        DataPruningState::Item item;
        item.name = group.tensor_fqn;
        PickleId values = found(item.name);
        item.squashed = values != PickleGraph::none;
        if (!item.squashed) values = found(data_original_name(item.name));
        const auto tensor = objects_.tensor(values);
        if (!tensor || !group.mask) damaged("the values or the mask of " + item.name + " are missing");
        if (group.mask->shape() != tensor->shape)
            damaged("the mask of " + item.name + " has shape " + to_string(group.mask->shape()) + ", the values " +
                    to_string(tensor->shape));
        item.mask = group.mask;
        item.dtype = tensor->dtype;
        item.shape = tensor->shape;
        item.values.resize(dtype_bytes(tensor->dtype, uint64_t(tensor->elements())));
        copy_contiguous(*tensor, item.values.data());
        return item;
    }

  private:
    [[noreturn]] void damaged(const std::string& what) const {
        throw Error(ErrorKind::format, objects_.where(), what, "save the data sparsifier's state_dict() again");
    }

    PickleId found(std::string_view name) const {
        const auto place = values_.find(name);
        return place == values_.end() ? PickleGraph::none : place->second;
    }

    TorchObjects objects_;
    std::unordered_map<std::string_view, PickleId> values_;
};

}  // namespace

void write_torch_state(const DataPruningState& state, const std::filesystem::path& path, Progress& progress) {
    std::vector<DataStateEntry> entries;
    for (const DataPruningState::Item& item : state.items)
        entries.push_back({.name = item.name,
                           .config = saved_config(state.sparsifier, item.options),
                           .mask = item.mask,
                           .squashed = item.squashed,
                           .dtype = item.dtype,
                           .values = [&item] { return item.values; }});
    PlainValue extras = PlainValue::dict();
    extras.set(steps_key, PlainValue::of(state.steps));
    write_data_state(entries, extras, path, progress);
}

DataPruningState read_torch_state(const std::filesystem::path& path, const Sparsifier& rule, const Options& defaults) {
    Container container(path);
    const SparsifierState saved = read_sparsifier_state(path);
    DataPruningState state;
    state.sparsifier = rule.name();
    state.defaults = rule.complete(defaults);
    for (const SavedGroup& group : saved.groups) {
        DataPruningState::Item item = container.item(group);
        item.options = state.defaults;
        const Options options = saved_options(group, rule, saved.source);
        for (const auto& [name, value] : options.values()) item.options.set(name, value);
        state.items.push_back(std::move(item));
    }
    if (const PlainValue* steps = saved.extras.find(steps_key); steps && steps->kind == PlainValue::Kind::integer)
        state.steps = steps->integer;
    return state;
}

}  // namespace lacuna
