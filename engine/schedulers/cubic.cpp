#include <algorithm>
#include <array>
#include <cmath>

#include "engine/schedulers/schedule.h"

namespace lacuna {
namespace {

constexpr double most_epochs = 1e9;

/// From init_sl to the group's own value along a cubic curve, steep at first: s_f + (s_0 − s_f)(1 − (t − t_0) /
/// (n·Δt))³ between init_t and init_t + delta_t · total_t.
class Cubic final : public Schedule {
  public:
    std::string_view name() const override { return "cubic"; }
    std::string_view title() const override { return "Cubic"; }
    std::string_view help() const override {
        return "Moves each group from init_sl to its own sparsity level, quickly at first and ever more slowly. The "
               "level is reached delta_t · total_t epochs after init_t.";
    }
    std::string_view source() const override {
        return "torch.ao.pruning.CubicSL; Zhu and Gupta, To prune, or not to prune, 2017 (arXiv 1710.01878)";
    }
    std::span<const OptionSpec> options() const override;

    std::optional<double> value(const ScheduleRequest& request) const override {
        if (!request.base) return std::nullopt;
        const Options& options = *request.options;
        const double first = options.number("init_sl"), last = *request.base;
        const int64_t elapsed = request.epoch - options.integer("init_t");
        if (elapsed < 0) return options.boolean("initially_zero") ? 0 : first;
        const int64_t delta = options.integer("delta_t"), length = delta * options.integer("total_t");
        if (length == 0) return last;
        const int64_t moved = options.boolean("hold") ? elapsed / delta * delta : elapsed;
        // std::pow, not a product of three: the last bit is the peer's
        const double level = last + (first - last) * std::pow(1.0 - double(moved) / double(length), 3.0);
        return std::clamp(level, std::min(first, last), std::max(first, last));
    }

    Options fitted(const Options& given, int64_t epochs) const override {
        Options options = given;
        const int64_t begin = std::min(complete(given).integer("init_t"), std::max<int64_t>(0, epochs - 1));
        if (given.has("init_t")) options.set("init_t", begin);
        options.set("delta_t", int64_t(1));
        options.set("total_t", std::max<int64_t>(0, epochs - 1 - begin));
        return options;
    }
};

OptionSpec epochs(std::string name, std::string help, int64_t value, double slider) {
    OptionSpec spec;
    spec.name = std::move(name);
    spec.type = OptionType::integer;
    spec.help = std::move(help);
    spec.default_value = value;
    spec.maximum = most_epochs;
    spec.soft_maximum = slider;
    return spec;
}

std::span<const OptionSpec> Cubic::options() const {
    static const std::array specs{
        OptionSpec{.name = "init_sl",
                   .type = OptionType::number,
                   .help = "Sparsity level at init_t, where the curve begins.",
                   .default_value = 0.0,
                   .minimum = 0,
                   .maximum = 1},
        epochs("init_t", "Epoch at which pruning begins.", 0, 100),
        epochs("delta_t", "Epochs between two of the total_t pruning steps; stretches the curve.", 10, 100),
        epochs("total_t", "Pruning steps on the curve; with none the level jumps at init_t.", 100, 1000),
        OptionSpec{.name = "initially_zero",
                   .type = OptionType::boolean,
                   .help = "Before init_t the level is 0 instead of init_sl.",
                   .default_value = false},
        OptionSpec{.name = "hold",
                   .type = OptionType::boolean,
                   .help = "The level moves only every delta_t epochs instead of every epoch.",
                   .default_value = false},
    };
    return specs;
}

}  // namespace

const Schedule& cubic_schedule();
const Schedule& cubic_schedule() {
    static const Cubic instance;
    return instance;
}

}  // namespace lacuna
