#include <gmock/gmock.h>

#include <cmath>

#include "engine/schedulers/lambda.h"
#include "engine/schedulers/scheduler.h"
#include "tests/schedulers/levels.h"
#include "tests/support/problem_of.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::Levels;
using testing_support::problem_of;
using testing_support::values_of;

Options factor(const std::string& formula) {
    Options options;
    options.set("factor", formula);
    return options;
}

SchedulerSettings with(std::vector<Options> options) {
    SchedulerSettings settings;
    settings.options = std::move(options);
    return settings;
}

TEST(LambdaFormula, IsTheSameAsTheFunction) {
    Levels one({0.5, 0.8}), other({0.5, 0.8});
    Scheduler formula(one, schedule("lambda"), with({factor("0.95 ^ epoch")}));
    Scheduler function(other, lambda_schedule([](int64_t epoch) { return std::pow(0.95, double(epoch)); }));
    for (int epoch = 0; epoch < 30; ++epoch) {
        EXPECT_EQ(values_of(one), values_of(other)) << epoch;
        formula.step();
        function.step();
    }
}

TEST(LambdaFormula, GroupsMayHaveFormulasOfTheirOwnAndNothingIsClamped) {
    Levels levels({0.5, 0.5});
    Scheduler scheduler(levels, schedule("lambda"), with({factor("10 * epoch"), factor("-epoch")}));
    scheduler.step();
    EXPECT_THAT(values_of(levels), ElementsAre(5.0, -0.5));
}

TEST(LambdaFormula, GoesOnFromItsState) {
    Levels levels({0.5}), others({0.5});
    Scheduler scheduler(levels, schedule("lambda"), with({factor("1 / (epoch + 1)")}));
    scheduler.step();
    const SchedulerState saved = scheduler_state_from_json(to_json(scheduler.state()), "test");
    EXPECT_EQ(saved, scheduler.state());
    Scheduler resumed(others, schedule("lambda"));
    resumed.load_state(saved);
    scheduler.step();
    resumed.step();
    EXPECT_EQ(values_of(others), values_of(levels));
}

TEST(LambdaFormula, WhatIsNoNumberIsSaidWithItsEpoch) {
    const Options options = schedule("lambda").complete(factor("1 / (epoch - 3)"));
    EXPECT_EQ(schedule_curve(schedule("lambda"), options, 0.5, 3).size(), 3u);
    EXPECT_THAT(problem_of([&] { schedule_curve(schedule("lambda"), options, 0.5, 5); }),
                HasSubstr("scheduler lambda: gives no finite level at epoch 3"));
    EXPECT_THAT(problem_of([] { schedule("lambda").complete(factor("epcoh")); }),
                HasSubstr("factor: \"epcoh\": column 1: \"epcoh\" is not known"));
}

TEST(LambdaFormula, ANewOneIsALineThatEndsAtTheLastEpoch) {
    const Schedule& rule = schedule("lambda");
    EXPECT_THAT(schedule_curve(rule, rule.complete(rule.fitted({}, 5)), 0.8, 6),
                ElementsAre(0, 0.2, 0.4, testing::DoubleEq(0.6), 0.8, 0.8));
    EXPECT_EQ(rule.fitted(factor("0.5"), 5), factor("0.5")) << "a person's own stays";
    EXPECT_THAT(schedule_curve(rule, rule.complete(rule.fitted({}, 1)), 0.8, 1), ElementsAre(0.8));
}

TEST(LambdaFormula, ManyFormulasStayQuick) {
    const Schedule& rule = schedule("lambda");
    for (int i = 0; i < 600; ++i) {  // more than are kept compiled
        const Options options = rule.complete(factor("epoch + " + std::to_string(i)));
        EXPECT_EQ(schedule_curve(rule, options, 1, 2)[1], 1 + i);
    }
}

}  // namespace
}  // namespace lacuna
