// Upstream's TestBaseDataScheduler: a schedule over one option of named data.

#include "engine/schedulers/lambda.h"
#include "engine/schedulers/scheduler.h"
#include "engine/session/scheduled_data.h"
#include "tests/data/data_sets.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using testing_support::OwnedData;
using testing_support::problem_of;

Options level(double value) {
    Options options;
    options.set("sparsity_level", value);
    return options;
}

/// Upstream's test data and levels under data_norm.
struct LeveledData {
    explicit LeveledData(double times = 1) {
        for (const char* name : {"data1", "data2", "data3"}) owned.emplace_back(name, DType::F32, Shape{4, 8});
        pruning.add_data("data1", owned[0].ref, {.options = level(0.7 * times), .reuse_mask = true, .mask = nullptr});
        pruning.add_data("data2", owned[1].ref, {.options = level(0.3 * times), .reuse_mask = true, .mask = nullptr});
        pruning.add_data("data3", owned[2].ref);
    }

    double now(const char* name) const { return pruning.options(name).number("sparsity_level"); }

    std::vector<OwnedData> owned;
    DataPruning pruning{sparsifier("data_norm"), level(0.5)};
    ScheduledData scheduled{pruning, "sparsity_level"};
};

/// Halves what it finds, from epoch 1 on.
SchedulePtr halving() {
    return function_schedule([](const ScheduleRequest& request) -> std::optional<double> {
        return request.epoch > 0 ? *request.current * 0.5 : request.base;
    });
}

TEST(TestBaseDataScheduler, constructor) {
    LeveledData data;
    Scheduler scheduler(data.scheduled, halving());
    EXPECT_EQ(scheduler.step_count(), 1);
    EXPECT_EQ(scheduler.last_epoch(), 0);
    EXPECT_THAT(scheduler.base_values(), ElementsAre(Optional(0.7), Optional(0.3), Optional(0.5)));
    DataPruning first_row_only{sparsifier("nearly_diagonal")};
    first_row_only.add_data("data1", data.owned[0].ref);
    ScheduledData no_level(first_row_only, "sparsity_level");
    EXPECT_THAT(problem_of([&] { Scheduler(no_level, halving()); }), HasSubstr("has the option sparsity_level"));
}

TEST(TestBaseDataScheduler, order_of_steps) {
    LeveledData data;
    int warnings = 0;
    SchedulerSettings settings;
    settings.notice = [&](const SchedulerNotice& notice) {
        warnings += notice.kind == SchedulerNotice::Kind::stepped_too_early;
    };
    Scheduler hasty(data.scheduled, halving(), settings);
    hasty.step();
    EXPECT_EQ(warnings, 1);
    Scheduler patient(data.scheduled, halving(), settings);
    data.pruning.step();
    patient.step();
    EXPECT_EQ(warnings, 1);
}

TEST(TestBaseDataScheduler, step) {
    LeveledData data;
    Scheduler scheduler(data.scheduled, halving());
    double factor = 1;
    for (int i = 0; i < 6; ++i) {
        EXPECT_DOUBLE_EQ(data.now("data1"), 0.7 * factor);
        EXPECT_DOUBLE_EQ(data.now("data2"), 0.3 * factor);
        EXPECT_DOUBLE_EQ(data.now("data3"), 0.5 * factor);
        data.pruning.step();
        EXPECT_EQ(data.pruning.get_mask("data1").pruned(), 4 * int64_t(std::nearbyint(0.7 * factor * 8)));
        scheduler.step();
        factor /= 2;
    }
    EXPECT_EQ(scheduler.step_count(), 7);
    EXPECT_THAT(scheduler.last_values()[0], Optional(testing::DoubleEq(0.7 / 64)));
}

TEST(TestBaseDataScheduler, state_dict) {
    LeveledData data, others(0.5);
    Scheduler scheduler(data.scheduled, halving()), loading(others.scheduled, halving());
    data.pruning.step();
    scheduler.step();
    EXPECT_NE(scheduler.base_values(), loading.base_values());
    loading.load_state(scheduler_state_from_json(to_json(scheduler.state()), "test"));
    EXPECT_EQ(scheduler.base_values(), loading.base_values());
    EXPECT_EQ(scheduler.last_values(), loading.last_values());
    EXPECT_EQ(others.now("data1"), 0.35) << "and the levels hold at once";
}

// Upstream: a value for an unknown name makes a ghost group, and the next step breaks.
TEST(DataScheduler, RefusesUnknownNames) {
    LeveledData data;
    EXPECT_THAT(problem_of([&] {
                    data.pruning.set_option("sparsity_level", {{"data1", 0.2}, {"ghost", 0.5}});
                }),
                HasSubstr("ghost: there is no data of that name"));
    EXPECT_EQ(data.pruning.size(), 3u);
    EXPECT_EQ(data.now("data1"), 0.7) << "all or nothing";
    data.pruning.step();
}

TEST(DataScheduler, OnlyReturnedNamesChange) {
    LeveledData data;
    Scheduler scheduler(data.scheduled, function_schedule([](const ScheduleRequest& request) -> std::optional<double> {
                            if (request.name != "data2") return std::nullopt;
                            return 2.5;
                        }));
    EXPECT_EQ(data.now("data1"), 0.7);
    EXPECT_EQ(data.now("data2"), 2.5) << "not clamped";
    data.pruning.enable_mask_update = false;
    scheduler.step();
    EXPECT_TRUE(data.pruning.enable_mask_update);
    data.pruning.step();
    EXPECT_EQ(data.pruning.get_mask("data2").kept(), 0);
}

TEST(DataScheduler, MovesAnyNumber) {
    LeveledData data;
    ScheduledData zeros(data.pruning, "zeros_per_block");
    const auto to = [](double value) {
        return function_schedule([value](const ScheduleRequest&) { return std::optional(value); });
    };
    Scheduler scheduler(zeros, to(2));
    EXPECT_EQ(data.pruning.options("data1").integer("zeros_per_block"), 2);
    EXPECT_THAT(problem_of([&] { Scheduler(zeros, to(1.5)); }), HasSubstr("1.5 is not a whole number"));
    EXPECT_THAT(problem_of([&] { Scheduler(zeros, to(5)); }), HasSubstr("5 is more than the 4 weights"));
    EXPECT_THAT(problem_of([&] { Scheduler(zeros, to(-1)); }), HasSubstr("zeros_per_block: -1 is not between 0 and"));
    EXPECT_EQ(data.pruning.options("data1").integer("zeros_per_block"), 2);
    ScheduledData norm(data.pruning, "norm");
    EXPECT_THAT(problem_of([&] { Scheduler(norm, to(1)); }), HasSubstr("has the option norm"));
}

}  // namespace
}  // namespace lacuna
