#include "engine/schedulers/lambda.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/error.h"

namespace lacuna {
namespace {

class Function : public Schedule {
  public:
    using Rule = std::function<std::optional<double>(const ScheduleRequest&)>;

    explicit Function(Rule rule) : rule_(std::move(rule)) { demand(bool(rule_)); }

    std::string_view name() const override { return "lambda"; }
    std::string_view title() const override { return "Function"; }
    std::string_view help() const override { return "Sets the values that a function in the program gives."; }
    std::string_view source() const override { return "torch.ao.pruning.LambdaSL"; }
    std::span<const OptionSpec> options() const override { return {}; }
    std::optional<double> value(const ScheduleRequest& request) const override { return rule_(request); }

  protected:
    static void demand(bool callable) {
        if (!callable)
            throw Error(ErrorKind::argument, "scheduler lambda", "a function is empty", "give one that can be called");
    }

  private:
    Rule rule_;
};

/// A factor for each group.
class Factors final : public Function {
  public:
    explicit Factors(const std::vector<ScheduleFactor>& factors)
        : Function([factors](const ScheduleRequest& request) -> std::optional<double> {
              if (!request.base || request.group >= factors.size()) return std::nullopt;
              return *request.base * factors[request.group](request.epoch);
          }),
          count_(factors.size()) {
        demand(std::all_of(factors.begin(), factors.end(), [](const auto& factor) { return bool(factor); }));
    }

    void check_groups(size_t groups) const override {
        if (groups == count_) return;
        throw Error(ErrorKind::argument, "scheduler lambda",
                    std::to_string(count_) + " functions for " + std::to_string(groups) + " groups",
                    "give one function, or one for each group");
    }

  private:
    size_t count_;
};

}  // namespace

SchedulePtr lambda_schedule(ScheduleFactor factor) {
    if (!factor) return function_schedule(nullptr);
    return function_schedule([factor = std::move(factor)](const ScheduleRequest& request) -> std::optional<double> {
        if (!request.base) return std::nullopt;
        return *request.base * factor(request.epoch);
    });
}

SchedulePtr lambda_schedule(std::vector<ScheduleFactor> factors) {
    return std::make_shared<Factors>(factors);
}

SchedulePtr function_schedule(std::function<std::optional<double>(const ScheduleRequest&)> rule) {
    return std::make_shared<Function>(std::move(rule));
}

}  // namespace lacuna
