#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/formats/plain_value.h"
#include "engine/session/pruning.h"

namespace lacuna {

/// What a sparsifier knows of one tensor: a group of torch.ao.pruning's state_dict() and the state that goes with it.
struct SavedGroup {
    std::string tensor_fqn;
    PlainValue config = PlainValue::dict();  ///< the group's other keys: options, and whatever else was there
    PlainValue state = PlainValue::dict();   ///< the tensor's state but its mask, such as a step count
    MaskPtr mask;                            ///< null: it has none
    DType mask_dtype = DType::F32;           ///< what Python reads the mask as
};

/// The state of a sparsifier as torch.ao.pruning's state_dict() has it (docs/parity.md, base sparsifier), by value.
struct SparsifierState {
    std::vector<SavedGroup> groups;
    PlainValue extras = PlainValue::dict();  ///< whatever stands beside "state" and "groups"
    /// Of a data sparsifier (data_norm's): the model whose tensors are its data. Null in a state of a model's layers,
    /// and where the values are not known: in what was read.
    CheckpointPtr data;
    std::string source;              ///< the file's name, for errors
    std::vector<std::string> notes;  ///< what a person should know, in words: such as what is not carried on

    const SavedGroup* find(std::string_view tensor_fqn) const;
};

/// The rule whose Python counterpart prunes tensors by themselves and has states of its own form.
inline constexpr std::string_view data_sparsifier = "data_norm";

/// Reads a state_dict() of a sparsifier that torch.save wrote, in Python or here; a data sparsifier's too, whose groups
/// are `data_norm`'s; its values are left unread. Throws Error(file), Error(format) for a file that holds something
/// else or contradicts itself, and Cancelled.
SparsifierState read_sparsifier_state(const std::filesystem::path& path, Progress& progress);
inline SparsifierState read_sparsifier_state(const std::filesystem::path& path) {
    Progress silent;
    return read_sparsifier_state(path, silent);
}
/// Whether a file is such a state, by its outline; masks are not read. False too for what cannot be read.
bool is_sparsifier_state(const std::filesystem::path& path);
/// Writes it so that torch.load(weights_only=True) reads it and the sparsifier's load_state_dict() takes it; of data,
/// with their values. Renamed into place. Throws Error(file), and Error(argument) for values of a type that PyTorch
/// lacks.
void write_sparsifier_state(const SparsifierState& state, const std::filesystem::path& path, Progress& progress);

/// Which sparsifier a group belongs to: Python does not save it, so its options tell, or what Lacuna wrote beside them.
/// Null where they do not tell.
const Sparsifier* saved_sparsifier(const SavedGroup& group);
/// The options of `rule` that the group holds, checked but for the ranges that recipes keep to. `where` names the file
/// in errors. Throws Error(format) for a value that the option cannot have.
Options saved_options(const SavedGroup& group, const Sparsifier& rule, const std::string& where);
/// A group's keys for these options, as Python has them, with the sparsifier's name beside them.
PlainValue saved_config(std::string_view sparsifier, const Options& options);

/// What the pruning knows, to be saved. `before`, if given, is the state it went on from: its names and whatever else
/// it carried stay. FQNs are those of the unprepared layers. Under data_norm alone it is the state of a data
/// sparsifier, whose names have underlines for dots; throws Error(argument) if two tensors would share one.
SparsifierState state_of(const Pruning& pruning, const SparsifierState* before = nullptr);

/// The tensor of each of the state's groups. Throws Error(argument) for one that the checkpoint lacks, that has another
/// shape than its mask, or that has two groups.
std::vector<size_t> saved_tensors(const SparsifierState& state, const Checkpoint& checkpoint);

/// Lays a recipe's targets over a state: options that the recipe leaves out are the state's if the sparsifier is the
/// same. Throws Error(argument) for a tensor of the state that the checkpoint lacks, that has another shape than its
/// mask, or that the recipe does not name: its mask would be lost.
std::vector<Target> targets_from(const SparsifierState& state, const Recipe& recipe, const Checkpoint& checkpoint,
                                 std::vector<Target> targets);
/// Gives the pruning's tensors the state's masks. Throws as `targets_from` does; all or nothing.
void take_masks(Pruning& pruning, const SparsifierState& state);

}  // namespace lacuna
