#pragma once

#include "engine/schedulers/scheduled.h"
#include "engine/session/data_pruning.h"
#include "engine/session/pruning.h"

namespace lacuna {

/// One option of a pruning's groups, for a scheduler. The pruning must outlive this. Tensors that a person froze stay
/// frozen: upstream's one switch for all has no counterpart here.
class ScheduledPruning final : public Scheduled {
  public:
    explicit ScheduledPruning(Pruning& pruning, std::string option = "sparsity_level")
        : pruning_(pruning), option_(std::move(option)) {}

    const std::string& option() const override { return option_; }
    size_t groups() const override { return pruning_.groups().size(); }
    std::string group_name(size_t group) const override { return pruning_.groups()[group].fqn; }
    std::optional<double> value(size_t group) const override;
    void set_values(std::span<const std::optional<double>> values) override;
    int64_t steps_taken() const override { return pruning_.steps_taken(); }

  private:
    Pruning& pruning_;
    std::string option_;
};

/// One option of a data pruning's tensors, for a scheduler (BaseDataScheduler's schedule_param).
class ScheduledData final : public Scheduled {
  public:
    ScheduledData(DataPruning& data, std::string option) : data_(data), option_(std::move(option)) {}

    const std::string& option() const override { return option_; }
    size_t groups() const override { return data_.size(); }
    std::string group_name(size_t group) const override { return data_.name(group); }
    std::optional<double> value(size_t group) const override;
    void set_values(std::span<const std::optional<double>> values) override;
    int64_t steps_taken() const override { return data_.steps_taken(); }
    void enable_mask_update() override { data_.enable_mask_update = true; }

  private:
    DataPruning& data_;
    std::string option_;
};

}  // namespace lacuna
