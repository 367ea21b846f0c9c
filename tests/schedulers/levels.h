#pragma once

#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/schedulers/scheduled.h"

namespace lacuna::testing_support {

/// Groups that are nothing but a level; a step is counted and does nothing.
class Levels : public Scheduled {
  public:
    explicit Levels(std::vector<std::optional<double>> levels) : levels_(std::move(levels)) {}

    const std::string& option() const override { return option_; }
    size_t groups() const override { return levels_.size(); }
    std::string group_name(size_t group) const override { return "linear" + std::to_string(group + 1); }
    std::optional<double> value(size_t group) const override { return levels_[group]; }
    void set_values(std::span<const std::optional<double>> values) override {
        for (const auto& value : values)
            if (value && *value > 100) throw Error(ErrorKind::argument, option_, "too much");
        for (size_t i = 0; i < values.size(); ++i)
            if (values[i]) levels_[i] = values[i];
    }
    int64_t steps_taken() const override { return steps_; }
    void enable_mask_update() override { ++enabled_; }

    void step() { ++steps_; }
    void add(double level) { levels_.push_back(level); }
    int enabled() const { return enabled_; }

  private:
    std::string option_ = "sparsity_level";
    std::vector<std::optional<double>> levels_;
    int64_t steps_ = 0;
    int enabled_ = 0;
};

inline std::vector<double> values_of(const Scheduled& scheduled) {
    std::vector<double> values;
    for (size_t i = 0; i < scheduled.groups(); ++i) values.push_back(scheduled.value(i).value_or(-1));
    return values;
}

}  // namespace lacuna::testing_support
