#include "engine/schedulers/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "engine/base/error.h"
#include "engine/schedulers/lambda.h"
#include "tests/schedulers/levels.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using testing_support::Levels;
using testing_support::values_of;
using Kind = SchedulerNotice::Kind;

/// Upstream's test scheduler: halves the base level from epoch 1 on.
SchedulePtr halving() {
    return lambda_schedule([](int64_t epoch) { return epoch > 0 ? 0.5 : 1.0; });
}

struct Heard {
    std::vector<SchedulerNotice> notices;
    SchedulerSettings settings() {
        SchedulerSettings settings;
        settings.notice = [this](const SchedulerNotice& notice) { notices.push_back(notice); };
        return settings;
    }
};

std::string problem_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

TEST(TestScheduler, constructor) {
    Levels levels({0.5, 0.7});
    Scheduler scheduler(levels, halving());
    EXPECT_EQ(scheduler.step_count(), 1);
    EXPECT_EQ(scheduler.last_epoch(), 0);
    EXPECT_THAT(scheduler.base_values(), ElementsAre(Optional(0.5), Optional(0.7)));
    EXPECT_THAT(scheduler.last_values(), ElementsAre(Optional(0.5), Optional(0.7)));
    EXPECT_EQ(levels.enabled(), 1);
}

TEST(TestScheduler, step) {
    Levels levels({0.5});
    Scheduler scheduler(levels, halving());
    levels.step();
    scheduler.step();
    EXPECT_THAT(values_of(levels), ElementsAre(0.25));
    EXPECT_THAT(scheduler.last_values(), ElementsAre(Optional(0.25)));
    EXPECT_THAT(scheduler.base_values(), ElementsAre(Optional(0.5)));
    EXPECT_EQ(scheduler.step_count(), 2);
    EXPECT_EQ(levels.enabled(), 2);
}

TEST(TestScheduler, order_of_steps) {
    Heard heard;
    Levels levels({0.5});
    Scheduler first(levels, halving(), heard.settings());
    EXPECT_TRUE(heard.notices.empty());
    first.step();
    ASSERT_EQ(heard.notices.size(), 1u);
    EXPECT_EQ(heard.notices[0].kind, Kind::stepped_too_early);
    first.step();
    EXPECT_EQ(heard.notices.size(), 1u) << "only the first explicit step warns";

    levels.step();
    Scheduler second(levels, halving(), heard.settings());
    second.step();
    EXPECT_EQ(heard.notices.size(), 2u) << "mask updates before the scheduler was made do not count";

    Scheduler third(levels, halving(), heard.settings());
    levels.step();
    third.step();
    EXPECT_EQ(heard.notices.size(), 2u);
}

TEST(TestScheduler, lambda_scheduler) {
    Levels levels({0.5});
    Scheduler scheduler(levels, lambda_schedule([](int64_t epoch) { return 10.0 * double(epoch); }));
    EXPECT_THAT(values_of(levels), ElementsAre(0.0));
    levels.step();
    scheduler.step();
    EXPECT_THAT(values_of(levels), ElementsAre(5.0)) << "not clamped";
}

TEST(Scheduler, LambdasOneAGroup) {
    Levels levels({0.5, 0.8});
    const auto one = [](int64_t) { return 1.0; };
    const auto half = [](int64_t) { return 0.5; };
    Scheduler scheduler(levels, lambda_schedule({one, half}));
    EXPECT_THAT(values_of(levels), ElementsAre(0.5, 0.4));
    EXPECT_THAT(problem_of([&] {
                    Scheduler(levels, lambda_schedule({one, half, one}));
                }),
                HasSubstr("3 functions for 2 groups"));
    EXPECT_THAT(values_of(levels), ElementsAre(0.5, 0.4)) << "refused before anything changed";
    EXPECT_THROW(lambda_schedule(ScheduleFactor()), Error);
    EXPECT_THROW(lambda_schedule(std::vector<ScheduleFactor>{one, nullptr}), Error);
}

TEST(Scheduler, NoGroupsMakeEmptyLists) {
    Levels levels({});
    Scheduler scheduler(levels, halving());
    scheduler.step();
    EXPECT_TRUE(scheduler.base_values().empty());
    EXPECT_TRUE(scheduler.last_values().empty());
    EXPECT_EQ(scheduler.last_epoch(), 1);
}

TEST(Scheduler, VerboseTellsEveryGroup) {
    Heard heard;
    SchedulerSettings settings = heard.settings();
    settings.verbose = true;
    Levels levels({0.5, 0.8});
    Scheduler scheduler(levels, halving(), settings);
    ASSERT_EQ(heard.notices.size(), 2u);
    EXPECT_EQ(heard.notices[1].text, "sparsity_level of linear2 is now 8.0000e-01");
    levels.step();
    scheduler.step(12);
    ASSERT_EQ(heard.notices.size(), 4u);
    EXPECT_EQ(heard.notices[2].text, "Epoch    12: sparsity_level of linear1 is now 2.5000e-01");
    EXPECT_EQ(heard.notices[2].group, "linear1");
    EXPECT_EQ(heard.notices[2].value, 0.25);
    EXPECT_EQ(scheduler.last_epoch(), 1) << "the epoch passed is only told";
}

TEST(Scheduler, GroupsWithoutTheOptionAreLeftAlone) {
    Levels levels({std::nullopt, 0.5});
    Scheduler scheduler(levels, halving());
    scheduler.step();
    EXPECT_EQ(levels.value(0), std::nullopt);
    EXPECT_EQ(levels.value(1), 0.25);
    Levels none({std::nullopt});
    EXPECT_THAT(problem_of([&] { Scheduler(none, halving()); }), HasSubstr("has the option sparsity_level"));
}

TEST(Scheduler, GroupsThatComeLaterHaveNoBase) {
    Levels levels({0.5});
    Scheduler scheduler(levels, halving());
    levels.add(0.6);
    scheduler.step();
    EXPECT_THAT(values_of(levels), ElementsAre(0.25, 0.6));
}

TEST(Scheduler, FailedStepChangesNothing) {
    Levels levels({0.5, 0.5});
    double factor = 1;
    Scheduler scheduler(levels, lambda_schedule([&](int64_t) { return factor; }));
    const SchedulerState before = scheduler.state();
    factor = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THAT(problem_of([&] { scheduler.step(); }), HasSubstr("linear1: the schedule gave no finite"));
    factor = 1000;
    EXPECT_THROW(scheduler.step(), Error);
    EXPECT_EQ(scheduler.state(), before);
    EXPECT_THAT(values_of(levels), ElementsAre(0.5, 0.5));
    factor = 0.5;
    scheduler.step();
    EXPECT_EQ(scheduler.last_epoch(), 1);
}

TEST(Scheduler, ChainedSchedulersStartFromEachOther) {
    Levels levels({0.8});
    Scheduler first(levels, lambda_schedule([](int64_t epoch) { return epoch == 0 ? 0.5 : 0.25; }));
    Scheduler second(levels, lambda_schedule([](int64_t epoch) { return epoch == 0 ? 1.0 : 0.1; }));
    EXPECT_THAT(second.base_values(), ElementsAre(Optional(0.4))) << "the level as the first left it";
    first.step();
    EXPECT_THAT(values_of(levels), ElementsAre(0.2));
    second.step();
    EXPECT_THAT(values_of(levels), ElementsAre(testing::DoubleEq(0.04)));
    Scheduler third(levels, function_schedule([](const ScheduleRequest& request) -> std::optional<double> {
                        return *request.current * 0.5;
                    }));
    EXPECT_THAT(values_of(levels), ElementsAre(testing::DoubleEq(0.02))) << "builds on the current value";
}

TEST(Scheduler, BeginsAtALaterEpoch) {
    Levels levels({0.5});
    SchedulerSettings settings;
    settings.last_epoch = 4;
    Scheduler scheduler(levels, lambda_schedule([](int64_t epoch) { return double(epoch); }), settings);
    EXPECT_EQ(scheduler.last_epoch(), 5);
    EXPECT_THAT(values_of(levels), ElementsAre(2.5));
}

TEST(Scheduler, StateGoesOnWhereItWas) {
    const SchedulePtr schedule = lambda_schedule([](int64_t epoch) { return 1.0 / double(epoch + 1); });
    Levels levels({0.5, std::nullopt});
    Scheduler scheduler(levels, schedule);
    scheduler.step();
    scheduler.step();
    const SchedulerState saved = scheduler_state_from_json(to_json(scheduler.state()), "test");
    EXPECT_EQ(saved, scheduler.state());

    Levels others({0.9, std::nullopt});
    Scheduler resumed(others, schedule);
    resumed.load_state(saved);
    EXPECT_EQ(others.value(0), levels.value(0)) << "levels hold at once, not from the next step on";
    EXPECT_EQ(resumed.state(), scheduler.state());
    scheduler.step();
    resumed.step();
    EXPECT_EQ(others.value(0), levels.value(0));
    EXPECT_EQ(others.value(0), 0.125);
}

TEST(Scheduler, RefusesAForeignState) {
    Levels levels({0.5});
    Scheduler scheduler(levels, halving());
    const SchedulerState before = scheduler.state();
    SchedulerState other = before;
    other.schedule = "cubic";
    EXPECT_THAT(problem_of([&] { scheduler.load_state(other); }), HasSubstr("the state is of scheduler cubic"));
    other = before;
    other.groups.push_back({"linear9", 0.5, 0.5, {}});
    EXPECT_THAT(problem_of([&] { scheduler.load_state(other); }), HasSubstr("linear9 that is not here"));
    for (int64_t SchedulerState::*count : {&SchedulerState::last_epoch, &SchedulerState::step_count})
        for (const int64_t bad : {std::numeric_limits<int64_t>::max(), int64_t(-2)}) {
            other = before;
            other.*count = bad;
            EXPECT_THAT(problem_of([&] { scheduler.load_state(other); }), HasSubstr("is no count of steps"));
        }
    EXPECT_THAT(
        problem_of([&] { Scheduler endless(levels, halving(), {.last_epoch = std::numeric_limits<int64_t>::max()}); }),
        HasSubstr("last_epoch 9223372036854775807"));
    EXPECT_EQ(scheduler.state(), before);
    for (const char* text : {"", "[]", "{\"schedule\": 1}", "{\"schedule\": \"cubic\"}"})
        EXPECT_THAT(problem_of([&] { scheduler_state_from_json(text, "file.json"); }),
                    HasSubstr("file.json: no sched"));
}

}  // namespace
}  // namespace lacuna
