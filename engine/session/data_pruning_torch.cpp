#include <unordered_map>

#include "engine/base/error.h"
#include "engine/formats/torch_object_writer.h"
#include "engine/formats/torch_objects.h"
#include "engine/session/data_pruning.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna {
namespace {

using Entries = TorchObjectWriter::Entries;

std::string original_name(const std::string& name) {
    return "parametrizations." + name + ".original";
}

/// Reads {"state": {name: {"mask": COO}}, "data_groups": {name: options}, "_container": {…: values}}.
class DataStateReader {
  public:
    DataStateReader(const std::filesystem::path& path, const Sparsifier& rule, const Options& defaults)
        : objects_(path), graph_(objects_.graph()), plain_(graph_, objects_.where()), rule_(rule) {
        state_.sparsifier = rule.name();
        state_.defaults = rule.complete(defaults);
    }

    DataPruningState read() {
        const PickleId states = part("state");
        const ByName groups = by_name(part("data_groups"));
        container_ = by_name(part("_container"));
        const auto pairs = graph_.pairs(states);
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
            const std::string name(graph_.text(pairs[i]));
            const PickleId group = found(groups, name);
            if (graph_.kind(pairs[i]) != PickleKind::text || name.empty() || !group)
                damaged("there is a mask for " + name + ", but no group");
            state_.items.push_back(item(name, graph_.find(pairs[i + 1], "mask"), group));
        }
        if (const PickleId steps = graph_.find(graph_.root, "steps"); graph_.kind(steps) == PickleKind::integer)
            state_.steps = graph_[steps].integer;
        return std::move(state_);
    }

  private:
    using ByName = std::unordered_map<std::string_view, PickleId>;

    ByName by_name(PickleId dict) const {
        ByName values;
        const auto pairs = graph_.pairs(dict);
        for (size_t i = 0; i + 1 < pairs.size(); i += 2)
            if (graph_.kind(pairs[i]) == PickleKind::text) values.emplace(graph_.text(pairs[i]), pairs[i + 1]);
        return values;
    }
    static PickleId found(const ByName& values, std::string_view name) {
        const auto place = values.find(name);
        return place == values.end() ? PickleGraph::none : place->second;
    }

    [[noreturn]] void damaged(const std::string& what) const {
        throw Error(ErrorKind::format, objects_.where(), what, "save the data sparsifier's state_dict() again");
    }

    PickleId part(std::string_view key) const {
        if (const PickleId found = graph_.find(graph_.root, key)) return found;
        throw Error(ErrorKind::format, objects_.where(), "holds no state of a data sparsifier",
                    "save data_sparsifier.state_dict() with torch.save");
    }

    DataPruningState::Item item(const std::string& name, PickleId mask, PickleId group) {
        DataPruningState::Item item;
        item.name = name;
        PickleId values = found(container_, name);
        item.squashed = values != PickleGraph::none;
        if (!item.squashed) values = found(container_, original_name(name));
        const auto tensor = objects_.tensor(values);
        auto read = objects_.mask(mask);
        if (!tensor || !read) damaged("the values or the mask of " + name + " are missing");
        if (read->shape() != tensor->shape)
            damaged("the mask of " + name + " has shape " + to_string(read->shape()) + ", the values " +
                    to_string(tensor->shape));
        item.mask = std::make_shared<const Mask>(std::move(*read));
        item.dtype = tensor->dtype;
        item.shape = tensor->shape;
        item.values.resize(dtype_bytes(tensor->dtype, uint64_t(tensor->elements())));
        copy_contiguous(*tensor, item.values.data());
        SavedGroup saved;
        saved.tensor_fqn = name;
        std::vector<std::string> not_plain;
        saved.config = plain_.part(group, {}, not_plain);
        item.options = state_.defaults;
        const Options options = saved_options(saved, rule_, objects_.where());
        for (const auto& [option, value] : options.values()) item.options.set(option, value);
        return item;
    }

    TorchObjects objects_;
    const PickleGraph& graph_;
    PlainReader plain_;
    const Sparsifier& rule_;
    ByName container_;
    DataPruningState state_;
};

}  // namespace

void write_torch_state(const DataPruningState& state, const std::filesystem::path& path, Progress& progress) {
    TorchObjectWriter writer;
    Entries masks, groups, container;
    for (const DataPruningState::Item& item : state.items) {
        if (item.name.find('.') != std::string::npos)
            throw Error(ErrorKind::argument, item.name, "has a dot, which PyTorch's data sparsifiers do not take",
                        "add it under a name without dots");
        masks.emplace_back(item.name, TorchObjectWriter::dict({{"mask", writer.sparse(item.mask)}}));
        groups.emplace_back(item.name, TorchObjectWriter::value(saved_config(state.sparsifier, item.options)));
        container.emplace_back(item.squashed ? item.name : original_name(item.name),
                               writer.tensor(item.dtype, item.shape, [&item] { return item.values; }));
    }
    const auto steps = TorchObjectWriter::value(PlainValue::of(state.steps));
    writer.write(TorchObjectWriter::dict({{"state", TorchObjectWriter::dict(masks)},
                                          {"data_groups", TorchObjectWriter::dict(groups)},
                                          {"_container", TorchObjectWriter::dict(container)},
                                          {"steps", steps}}),
                 path, progress);
}

DataPruningState read_torch_state(const std::filesystem::path& path, const Sparsifier& rule, const Options& defaults) {
    return DataStateReader(path, rule, defaults).read();
}

}  // namespace lacuna
