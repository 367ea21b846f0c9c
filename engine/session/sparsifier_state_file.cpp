#include <unordered_map>

#include "engine/base/error.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/torch_objects.h"
#include "engine/mask/mask_values.h"
#include "engine/session/data_state_writer.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna {
namespace {

/// Reads {"state": {fqn: {"mask": …}}, "groups": [{"tensor_fqn": …}]}, or of a data sparsifier {"state": …,
/// "data_groups": {name: …}, "_container": …}.
class StateReader {
  public:
    explicit StateReader(const std::filesystem::path& path)
        : objects_(path), graph_(objects_.graph()), plain_(graph_, objects_.where()) {
        state_.source = objects_.where();
    }

    bool is_state() const { return states() && (data_groups() || graph_.kind(groups()) == PickleKind::list); }

    SparsifierState read(Progress& progress) {
        if (!is_state()) refuse("holds no state of a sparsifier", "save sparsifier.state_dict() with torch.save");
        if (data_groups())
            take_data_groups(data_groups());
        else
            for (const PickleId group : graph_.sequence(groups())) take_group(group);
        const auto pairs = graph_.pairs(states());
        progress.begin("Reading masks", pairs.size() / 2, "tensors");
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
            take_state(name_of(pairs[i]), pairs[i + 1]);
            progress.advance();
        }
        state_.extras = plain_entries(graph_.root, {"state", "groups", "data_groups", "_container"}, "");
        return std::move(state_);
    }

  private:
    PickleId data_groups() const { return graph_.find(graph_.root, "data_groups"); }
    PickleId states() const { return graph_.find(graph_.root, "state"); }
    PickleId groups() const { return graph_.find(graph_.root, "groups"); }
    [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
        throw Error(ErrorKind::format, objects_.where(), what, hint);
    }
    [[noreturn]] void damaged(const std::string& what) const { refuse(what, "save sparsifier.state_dict() again"); }

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
        const std::string name = name_of(fqn);
        add(name, plain_entries(id, {"tensor_fqn", "module", "module_fqn", "tensor_name"}, name));
    }

    void take_data_groups(PickleId groups) {
        const auto pairs = graph_.pairs(groups);
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
            const std::string name = name_of(pairs[i]);
            PlainValue config = plain_entries(pairs[i + 1], {}, name);
            const PlainValue named = saved_config(data_sparsifier, {});
            if (!config.find(named.keys[0])) config.set(named.keys[0], named.items[0]);
            add(name, std::move(config));
        }
    }

    void add(const std::string& fqn, PlainValue config) {
        if (!places_.emplace(fqn, state_.groups.size()).second) damaged("there are two groups for " + fqn);
        SavedGroup group;
        group.tensor_fqn = fqn;
        group.config = std::move(config);
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

void write_layers_state(const SparsifierState& state, const std::filesystem::path& path, Progress& progress) {
    TorchObjectWriter writer;
    TorchObjectWriter::Entries states;
    std::vector<std::string> groups;
    for (const SavedGroup& group : state.groups) {
        auto entries = TorchObjectWriter::entries(group.state);
        if (group.mask)
            entries.insert(entries.begin(), {"mask", writer.tensor(group.mask_dtype, group.mask->shape(), [&group] {
                                                 return mask_values(*group.mask, group.mask_dtype);
                                             })});
        states.emplace_back(group.tensor_fqn, TorchObjectWriter::dict(entries));
        auto config = TorchObjectWriter::entries(group.config);
        config.emplace_back("tensor_fqn", TorchObjectWriter::value(PlainValue::of(group.tensor_fqn)));
        groups.push_back(TorchObjectWriter::dict(config));
    }
    auto all = TorchObjectWriter::entries(state.extras);
    all.insert(all.begin(), {{"state", TorchObjectWriter::dict(states)}, {"groups", TorchObjectWriter::list(groups)}});
    writer.write(TorchObjectWriter::dict(all), path, progress);
}

/// A tensor's original values, which are read when they are written.
TorchObjectWriter::Bytes values_of(const Checkpoint& checkpoint, size_t tensor) {
    return [&checkpoint, tensor] {
        std::vector<std::byte> values(checkpoint.tensors()[tensor].bytes());
        copy_contiguous(checkpoint.view(tensor), values.data());
        release_storage(checkpoint, checkpoint.tensors()[tensor].storage);
        return values;
    };
}

std::vector<DataStateEntry> data_entries(const SparsifierState& state) {
    const std::vector<size_t> tensors = saved_tensors(state, *state.data);
    std::vector<DataStateEntry> entries;
    for (size_t i = 0; i < tensors.size(); ++i) {
        const SavedGroup& group = state.groups[i];
        entries.push_back({.name = group.tensor_fqn,
                           .config = group.config,
                           .state = group.state,
                           .mask = group.mask,
                           .dtype = state.data->tensors()[tensors[i]].dtype,
                           .values = values_of(*state.data, tensors[i])});
    }
    return entries;
}

}  // namespace

SparsifierState read_sparsifier_state(const std::filesystem::path& path, Progress& progress) {
    return StateReader(path).read(progress);
}

bool is_sparsifier_state(const std::filesystem::path& path) {
    try {
        return StateReader(path).is_state();
    } catch (const Error&) {
        return false;
    }
}

void write_sparsifier_state(const SparsifierState& state, const std::filesystem::path& path, Progress& progress) {
    if (state.data)
        write_data_state(data_entries(state), state.extras, path, progress);
    else
        write_layers_state(state, path, progress);
}

}  // namespace lacuna
