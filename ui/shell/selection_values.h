#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/session/session.h"
#include "ui/shell/option_editor.h"

namespace lacuna::ui {

/// The options of several tensors under one sparsifier, or of their schedule's curves, put together: a common value
/// each, or mixed.
class SelectionValues {
  public:
    SelectionValues(const Sparsifier& rule, const std::vector<TensorStatePtr>& states);
    /// `scheduler`: the rule's place in the schedule.
    SelectionValues(const Schedule& rule, size_t scheduler, const std::vector<TensorStatePtr>& states);

    OptionEditor::State of(const std::string& option) const;

  private:
    template <class Rule, class Given>
    void sum_up(const Rule& rule, const std::vector<TensorStatePtr>& states, Given&& given);

    std::map<std::string, OptionEditor::State> states_;
};

/// What to know of a tensor's options, in words; empty: nothing, or they do not go together.
std::string remark_of(const TensorState& state, const Shape& shape);
/// The blocks that a tensor is pruned in; 1×1 where its sparsifier has none.
BlockShape block_of(const TensorState& state);

}  // namespace lacuna::ui
