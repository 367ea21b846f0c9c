#pragma once

#include "engine/schedulers/scheduled.h"
#include "engine/session/data_pruning.h"

namespace lacuna {

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
