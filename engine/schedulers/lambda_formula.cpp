#include <array>
#include <unordered_map>

#include "engine/base/formula.h"
#include "engine/schedulers/schedule.h"

namespace lacuna {
namespace {

const std::string variable = "epoch";
const std::string steady = "1";

/// A thread's own compiled formulas: a curve asks for the same few thousands of times.
Formula& compiled(const std::string& text) {
    constexpr size_t most = 256;
    thread_local std::unordered_map<std::string, Formula> formulas;
    if (formulas.size() >= most) formulas.clear();
    return formulas.try_emplace(text, text, variable).first->second;
}

/// The base level, or the one that holds, times a factor that a formula gives for the epoch.
class Lambda final : public Schedule {
  public:
    std::string_view name() const override { return "lambda"; }
    std::string_view title() const override { return "Lambda"; }
    std::string_view help() const override {
        return "Sets each group's level to its own sparsity level times a factor, a formula in the epoch. Levels are "
               "not clamped: at 0 and below nothing is pruned, at 1 and above everything.";
    }
    std::string_view source() const override { return "torch.ao.pruning.LambdaSL"; }
    std::span<const OptionSpec> options() const override {
        static const std::array specs{
            OptionSpec{.name = "factor",
                       .type = OptionType::formula,
                       .help = "By the epoch, which is 0 at the first step: 0.95 ^ epoch, min(1, epoch / 9), "
                               "epoch < 5 ? 0.5 : 1.",
                       .default_value = steady,
                       .variable = variable},
            OptionSpec{.name = "of",
                       .type = OptionType::choice,
                       .help =
                           "What the factor multiplies: the group's own level (base), or the level that the scheduler "
                           "before this one has set for the step, without one that of the step before (level).",
                       .default_value = std::string("base"),
                       .choices = {"base", "level"}},
        };
        return specs;
    }

    std::optional<double> value(const ScheduleRequest& request) const override {
        const auto& of = request.options->choice("of") == "base" ? request.base : request.current;
        if (!of) return std::nullopt;
        return *of * compiled(request.options->choice("factor")).at(double(request.epoch));
    }

    Options behind_another() const override {
        Options options;
        options.set("factor", steady);
        options.set("of", "level");
        return options;
    }

    /// A straight line where no formula was given: a person's own stays as it is.
    Options fitted(const Options& given, int64_t epochs) const override {
        Options options = given;
        if (!given.has("factor") && epochs > 1)
            options.set("factor", "min(1, " + variable + " / " + std::to_string(epochs - 1) + ")");
        return options;
    }
};

}  // namespace

const Schedule& lambda_schedule();
const Schedule& lambda_schedule() {
    static const Lambda instance;
    return instance;
}

}  // namespace lacuna
