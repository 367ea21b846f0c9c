#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/schedulers/scheduler.h"
#include "tests/schedulers/levels.h"

namespace lacuna {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;
using testing::Pointwise;
using testing_support::Levels;
using testing_support::values_of;

const Schedule& cubic() {
    return schedule("cubic");
}

Options options(std::initializer_list<std::pair<const char*, OptionValue>> values) {
    Options all;
    for (const auto& [name, value] : values) all.set(name, value);
    return all;
}

SchedulerSettings with(std::vector<Options> all) {
    SchedulerSettings settings;
    settings.options = std::move(all);
    return settings;
}

std::vector<double> curve(double base, Options given, int64_t epochs) {
    return schedule_curve(cubic(), cubic().complete(given), base, epochs);
}

TEST(TestCubicScheduler, FittedItsCurveEndsAtTheLastEpoch) {
    const Options late = options({{"init_t", int64_t(3)}, {"init_sl", 0.1}, {"delta_t", int64_t(7)}});
    for (const Options& given : {Options(), late})
        for (const int64_t epochs : {5, 6, 20}) {
            const auto levels = curve(0.8, cubic().fitted(given, epochs), epochs);
            EXPECT_EQ(levels.back(), 0.8) << epochs;
            EXPECT_LT(levels[size_t(epochs) - 2], 0.8) << epochs;
        }
    EXPECT_EQ(curve(0.8, cubic().fitted(late, 1), 1).back(), 0.8) << "a beginning after the last epoch moves to it";
}

TEST(TestCubicScheduler, constructor) {
    Levels levels({0.5, 0.8});
    Scheduler from_zero(levels, cubic(),
                        with({options({{"init_sl", 0.1}, {"init_t", int64_t(3)}, {"initially_zero", true}})}));
    EXPECT_THAT(values_of(levels), ElementsAre(0, 0));
    EXPECT_THAT(from_zero.base_values(), ElementsAre(Optional(0.5), Optional(0.8)));
    EXPECT_EQ(from_zero.step_count(), 1);

    Levels others({0.5, 0.8});
    Scheduler from_start(others, cubic(), with({options({{"init_sl", 0.1}, {"init_t", int64_t(3)}})}));
    EXPECT_THAT(values_of(others), ElementsAre(0.1, 0.1));
}

TEST(TestCubicScheduler, step) {
    Levels levels({0.8, 0.4});
    const Options given = options({{"init_sl", 0.1},
                                   {"init_t", int64_t(3)},
                                   {"delta_t", int64_t(2)},
                                   {"total_t", int64_t(5)},
                                   {"initially_zero", true}});
    Scheduler scheduler(levels, cubic(), with({given}));
    const auto step = [&] {
        levels.step();
        scheduler.step();
    };
    for (int epoch = 0; epoch < 3; ++epoch) {
        EXPECT_EQ(scheduler.step_count(), epoch + 1);
        EXPECT_THAT(values_of(levels), ElementsAre(0, 0)) << epoch;
        step();
    }
    EXPECT_THAT(values_of(levels), ElementsAre(0.1, 0.1));
    step();  // upstream: [.3, .2] to one digit
    EXPECT_THAT(values_of(levels),
                ElementsAre(DoubleNear(0.1 + 0.7 * 0.271, 1e-12), DoubleNear(0.1 + 0.3 * 0.271, 1e-12)));
    for (int epoch = 4; epoch < 13; ++epoch) step();
    EXPECT_THAT(values_of(levels), ElementsAre(0.8, 0.4));
    step();
    EXPECT_THAT(values_of(levels), ElementsAre(0.8, 0.4)) << "the target holds";

    const std::vector<double> oracle{0, 0, 0, .1, .2897, .4416, .5599, .6488, .7125, .7552, .7811, .7944, .7993, .8};
    EXPECT_THAT(curve(0.8, given, 14), Pointwise(DoubleNear(5e-5), oracle));
}

// torch.ao.pruning's own levels, bit for bit (tests/parity/make_schedule_goldens.py).
TEST(TestCubicScheduler, step_equals_upstream) {
    const auto cases = nlohmann::json::parse(std::ifstream(LACUNA_TEST_DATA "/schedulers/cubic_goldens.json"));
    ASSERT_EQ(cases.size(), 5u);
    for (const auto& one : cases) {
        const auto targets = one.at("targets").get<std::vector<double>>();
        std::vector<Options> all(targets.size());
        for (size_t i = 0; i < all.size(); ++i)
            for (const auto& [name, value] : one.at("arguments").items()) {
                const auto& here = value.is_array() ? value[i] : value;
                if (here.is_boolean())
                    all[i].set(name, here.get<bool>());
                else
                    all[i].set(name, here.get<double>());
            }
        Levels levels({targets.begin(), targets.end()});
        Scheduler scheduler(levels, cubic(), with(all));
        for (const auto& expected : one.at("levels")) {
            ASSERT_EQ(values_of(levels), expected.get<std::vector<double>>())
                << one.at("arguments") << " epoch " << scheduler.last_epoch();
            levels.step();
            scheduler.step();
        }
    }
}

// Upstream sticks at init_sl when that is above the target.
TEST(TestCubicScheduler, step_decreasing) {
    const auto levels = curve(0.1, options({{"init_sl", 0.9}, {"delta_t", int64_t(2)}, {"total_t", int64_t(4)}}), 12);
    EXPECT_EQ(levels[0], 0.9);
    EXPECT_DOUBLE_EQ(levels[4], 0.1 + 0.8 * 0.125);
    for (size_t t = 1; t <= 8; ++t) EXPECT_LT(levels[t], levels[t - 1]) << t;
    for (size_t t = 8; t < 12; ++t) EXPECT_EQ(levels[t], 0.1) << t;
}

// Upstream divides by zero.
TEST(TestCubicScheduler, step_without_length) {
    for (const char* zero : {"delta_t", "total_t"}) {
        const auto levels = curve(0.7, options({{"init_sl", 0.2}, {"init_t", int64_t(2)}, {zero, int64_t(0)}}), 4);
        EXPECT_THAT(levels, ElementsAre(0.2, 0.2, 0.7, 0.7)) << zero;
    }
}

TEST(TestCubicScheduler, step_held) {
    const Options given = options({{"init_t", int64_t(1)}, {"delta_t", int64_t(3)}, {"total_t", int64_t(2)}});
    Options held = given;
    held.set("hold", true);
    const auto moving = curve(0.8, given, 9), steps = curve(0.8, held, 9);
    EXPECT_THAT(steps, ElementsAre(0, 0, 0, 0, moving[4], moving[4], moving[4], 0.8, 0.8));
    EXPECT_LT(steps[3], moving[3]);
}

TEST(TestCubicScheduler, resumed_midway) {
    const Options given = options({{"delta_t", int64_t(1)}, {"total_t", int64_t(10)}});
    Levels levels({0.8}), others({0.3});
    Scheduler scheduler(levels, cubic(), with({given}));
    for (int i = 0; i < 4; ++i) scheduler.step();
    Scheduler resumed(others, cubic());
    resumed.load_state(scheduler_state_from_json(to_json(scheduler.state()), "test"));
    for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(values_of(levels), values_of(others)) << i;
        scheduler.step();
        resumed.step();
    }
    EXPECT_THAT(values_of(others), ElementsAre(0.8)) << "the base level and the options came with the state";
}

TEST(TestCubicScheduler, options_are_checked) {
    Levels levels({0.5, 0.5});
    const auto problem = [&](std::vector<Options> all) -> std::string {
        try {
            Scheduler(levels, cubic(), with(std::move(all)));
        } catch (const Error& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(problem({options({{"init_s", 0.1}})}), HasSubstr("did you mean init_sl?"));
    EXPECT_THAT(problem({options({{"init_sl", 1.5}})}), HasSubstr("1.5 is not between 0 and 1"));
    EXPECT_THAT(problem({options({{"total_t", -1.0}})}), HasSubstr("-1 is not between"));
    EXPECT_THAT(problem({Options(), Options(), Options()}), HasSubstr("3 sets of options for 2 groups"));
    EXPECT_THAT(values_of(levels), ElementsAre(0.5, 0.5));
}

TEST(Schedules, AreListedAndFoundByName) {
    ASSERT_FALSE(schedules().empty());
    for (const Schedule* one : schedules()) {
        EXPECT_EQ(&schedule(one->name()), one);
        EXPECT_FALSE(one->help().empty());
        for (const OptionSpec& spec : one->options()) EXPECT_TRUE(spec.default_value) << spec.name;
    }
    try {
        schedule("cubik");
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("did you mean cubic?"));
    }
}

}  // namespace
}  // namespace lacuna
