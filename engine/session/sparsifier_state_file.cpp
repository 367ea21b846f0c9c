#include <unordered_map>

#include "engine/base/error.h"
#include "engine/formats/torch_object_writer.h"
#include "engine/formats/torch_objects.h"
#include "engine/mask/mask_values.h"
#include "engine/session/data_pruning.h"
#include "engine/session/sparsifier_state.h"
#include "engine/sparsifiers/registry.h"

namespace lacuna {
namespace {

/// Reads {"state": {fqn: {"mask": …}}, "groups": [{"tensor_fqn": …}]}.
class StateReader {
  public:
    explicit StateReader(const std::filesystem::path& path)
        : objects_(path), graph_(objects_.graph()), plain_(graph_, objects_.where()) {
        state_.source = objects_.where();
    }

    SparsifierState read() {
        const PickleId states = graph_.find(graph_.root, "state"), groups = graph_.find(graph_.root, "groups");
        if (graph_.find(graph_.root, "data_groups")) return of_data();
        if (!states || graph_.kind(groups) != PickleKind::list)
            refuse("holds no state of a sparsifier", "save sparsifier.state_dict() with torch.save");
        for (const PickleId group : graph_.sequence(groups)) take_group(group);
        const auto pairs = graph_.pairs(states);
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) take_state(name_of(pairs[i]), pairs[i + 1]);
        state_.extras = plain_entries(graph_.root, {"state", "groups"}, "");
        return std::move(state_);
    }

  private:
    [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
        throw Error(ErrorKind::format, objects_.where(), what, hint);
    }
    [[noreturn]] void damaged(const std::string& what) const { refuse(what, "save sparsifier.state_dict() again"); }

    /// A data sparsifier's state, whose data are tensors of the model.
    SparsifierState of_data() {
        const Sparsifier& rule = lacuna::sparsifier("data_norm");
        for (DataPruningState::Item& item : read_torch_state(objects_.where(), rule, {}).items) {
            SavedGroup group{item.name, saved_config(rule.name(), item.options)};
            group.mask = std::move(item.mask);
            state_.groups.push_back(std::move(group));
        }
        return std::move(state_);
    }

    std::string name_of(PickleId id) {
        auto name = plain_.text(id);
        if (!name || name->empty()) damaged("the state names a tensor by something that is no text");
        return *std::move(name);
    }

    /// All but `taken` of a dict, as far as it is plain.
    PlainValue plain_entries(PickleId dict, std::initializer_list<std::string_view> taken, const std::string& of) {
        std::vector<std::string> not_plain;
        PlainValue out = plain_.part(dict, taken, not_plain);
        for (const std::string& key : not_plain)
            state_.notes.push_back("not carried on: " + (of.empty() ? key : of + "'s " + key));
        return out;
    }

    void take_group(PickleId id) {
        const PickleId fqn = graph_.find(id, "tensor_fqn");
        if (!fqn) damaged("a group has no tensor_fqn");
        SavedGroup group;
        group.tensor_fqn = name_of(fqn);
        group.config = plain_entries(id, {"tensor_fqn", "module", "module_fqn", "tensor_name"}, group.tensor_fqn);
        if (!places_.emplace(group.tensor_fqn, state_.groups.size()).second)
            damaged("there are two groups for " + group.tensor_fqn);
        state_.groups.push_back(std::move(group));
    }

    void take_state(const std::string& fqn, PickleId id) {
        const auto place = places_.find(fqn);
        if (place == places_.end()) damaged("there is a state for " + fqn + ", but no group");
        SavedGroup& group = state_.groups[place->second];
        if (group.mask) damaged("there are two states for " + fqn);
        group.state = plain_entries(id, {"mask"}, fqn);
        const PickleId mask = graph_.find(id, "mask");
        if (!mask) return;
        auto read = objects_.mask(mask);
        if (!read) damaged("the mask of " + fqn + " is no tensor");
        if (const auto dense = objects_.tensor(mask); dense && is_floating(dense->dtype))
            group.mask_dtype = dense->dtype;
        group.mask = std::make_shared<const Mask>(std::move(*read));
    }

    TorchObjects objects_;
    const PickleGraph& graph_;
    PlainReader plain_;
    SparsifierState state_;
    std::unordered_map<std::string, size_t> places_;  // of groups, by tensor FQN
};

TorchObjectWriter::Entries pickled(const PlainValue& dict) {
    TorchObjectWriter::Entries entries;
    for (size_t i = 0; i < dict.keys.size(); ++i)
        entries.emplace_back(dict.keys[i], TorchObjectWriter::value(dict.items[i]));
    return entries;
}

}  // namespace

SparsifierState read_sparsifier_state(const std::filesystem::path& path) {
    return StateReader(path).read();
}

void write_sparsifier_state(const SparsifierState& state, const std::filesystem::path& path, Progress& progress) {
    TorchObjectWriter writer;
    TorchObjectWriter::Entries states;
    std::vector<std::string> groups;
    for (const SavedGroup& group : state.groups) {
        auto entries = pickled(group.state);
        if (group.mask)
            entries.insert(entries.begin(), {"mask", writer.tensor(group.mask_dtype, group.mask->shape(), [&group] {
                                                 return mask_values(*group.mask, group.mask_dtype);
                                             })});
        states.emplace_back(group.tensor_fqn, TorchObjectWriter::dict(entries));
        auto config = pickled(group.config);
        config.emplace_back("tensor_fqn", TorchObjectWriter::value(PlainValue::of(group.tensor_fqn)));
        groups.push_back(TorchObjectWriter::dict(config));
    }
    auto all = pickled(state.extras);
    all.insert(all.begin(), {{"state", TorchObjectWriter::dict(states)}, {"groups", TorchObjectWriter::list(groups)}});
    writer.write(TorchObjectWriter::dict(all), path, progress);
}

}  // namespace lacuna
