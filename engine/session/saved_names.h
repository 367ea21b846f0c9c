#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/checkpoint.h"

namespace lacuna {

/// A tensor's name as the state of a data sparsifier has it: PyTorch takes no dots there.
std::string data_name(std::string tensor_fqn);

/// Finds the tensors that a sparsifier's state speaks of. Indexes the names once, for states of very many groups.
class SavedNames {
  public:
    explicit SavedNames(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

    /// The tensor that a state calls `fqn`: of that name, or prepared, or the only one that has it below a wrapper such
    /// as "state_dict.", or has it with its dots as underlines: data sparsifiers take no dots. Throws Error(argument)
    /// if there are several.
    std::optional<size_t> find(std::string_view fqn);

  private:
    struct Name {
        std::string text;
        size_t tensor;
    };
    void index();

    const Checkpoint& checkpoint_;
    std::vector<Name> backwards_;   ///< plain names read from their ends, sorted: those with one ending are neighbours
    std::vector<Name> underlined_;  ///< plain names with underlines for dots, sorted
};

}  // namespace lacuna
