#pragma once

#include <string>
#include <vector>

#include "engine/formats/torch_tensors.h"

namespace lacuna {

/// The tensors of a pickle with their names, in the order in which they are met.
struct NamedTensors {
    std::vector<PickledTensor> tensors;  ///< info.name and info.role are set
    /// Of each tensor in a pickle: the container that holds it and its entry there, from 0.
    std::vector<std::pair<PickleId, size_t>> places;
    std::vector<LayerInfo> layers;
    std::vector<std::string> notes;
};

/// Counts what is left alone, by class, and puts it into words.
class SkipNotes {
  public:
    void skip(std::string_view what);
    std::vector<std::string> notes() const;

  private:
    std::vector<std::pair<std::string, size_t>> counts_;
};

/// The class behind an object, seen through the helpers that pickles make objects with; "" if it has none.
std::string_view class_name(const PickleGraph& graph, PickleId object);

/// Names the tensors of a pickle that torch.save wrote: keys of dicts and indices of lists joined with dots; a pickled
/// module as its own state_dict() would name them. A tensor alone is called "tensor". Of two tensors with one name the
/// first keeps it and the other is noted. `where` names the file in errors. Throws Error(format).
NamedTensors name_tensors(const PickleGraph& graph, const std::string& where);

}  // namespace lacuna
