#include "engine/session/scheduler_state_file.h"

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/schedulers/schedule.h"
#include "tests/support/problem_of.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::problem_of;
using testing_support::ScratchFolder;

SchedulerState halfway() {
    SchedulerState state{"cubic", 7, 8, {}};
    Options first;
    first.set("init_sl", 0.1);
    first.set("init_t", int64_t(3));
    first.set("initially_zero", true);
    state.groups.push_back({"a.weight", 0.8, 0.6488, schedule("cubic").complete(first)});
    state.groups.push_back({"b.weight", 0.5, 0.25, schedule("cubic").complete({})});
    return state;
}

TEST(TorchSchedulerState, GoesToAFileAndBack) {
    const ScratchFolder folder;
    Progress progress;
    write_scheduler_state(halfway(), folder / "s.pt", progress);
    const std::vector<std::string> groups{"a.weight", "b.weight"};
    EXPECT_EQ(read_scheduler_state(folder / "s.pt", groups), halfway());
    EXPECT_THAT(problem_of([&] { read_scheduler_state(folder / "s.pt", std::span(groups).first(1)); }),
                HasSubstr("is of 2 groups, not 1"));
}

TEST(TorchSchedulerState, OfManyGroupsGoesToAFileAndBack) {
    const ScratchFolder folder;
    Progress progress;
    SchedulerState state = halfway();
    std::vector<std::string> groups;
    for (int i = 0; i < 20'000; ++i) groups.push_back("layers." + std::to_string(i) + ".weight");
    state.groups.resize(groups.size(), state.groups[0]);
    for (size_t i = 0; i < groups.size(); ++i) state.groups[i].name = groups[i];
    write_scheduler_state(state, folder / "s.pt", progress);
    EXPECT_TRUE(read_scheduler_state(folder / "s.pt", groups) == state);
}

TEST(TorchSchedulerState, ALambdasGoesWithItsFormulasOrWithout) {
    const ScratchFolder folder;
    Progress progress;
    Options factor;
    factor.set("factor", std::string("0.9 ^ epoch"));
    SchedulerState state{"lambda", 3, 4, {{"a.weight", 0.8, 0.5832, schedule("lambda").complete(factor)}}};
    const std::vector<std::string> groups{"a.weight"};
    write_scheduler_state(state, folder / "s.pt", progress);
    EXPECT_EQ(read_scheduler_state(folder / "s.pt", groups), state);
    PlainValue bare = plain_value(state);
    for (const char* ours : {"scheduler", "factor", "of"}) bare.erase(ours);  // as LambdaSL has it
    EXPECT_EQ(scheduler_state_from(bare, groups, "test").groups[0].options, schedule("lambda").complete({}));
    EXPECT_EQ(scheduler_state_from(bare, groups, "test").last_epoch, 3);
}

TEST(TorchSchedulerState, WhatIsNoStateIsRefused) {
    const ScratchFolder folder;
    Progress progress;
    SchedulerState state = halfway();
    state.groups[1].last.reset();
    EXPECT_THAT(problem_of([&] { write_scheduler_state(state, folder / "s.pt", progress); }),
                HasSubstr("b.weight: has no"));
    EXPECT_FALSE(std::filesystem::exists(folder / "s.pt"));
    const std::filesystem::path fixtures = std::filesystem::path(LACUNA_TEST_DATA) / "formats/fixtures";
    EXPECT_THAT(problem_of([&] { read_scheduler_state(fixtures / "state_dict.pt", {}); }),
                HasSubstr("no state of a sched"));
}

TEST(TorchSchedulerState, ADamagedOptionIsRefusedAndNotZero) {
    PlainValue state = PlainValue::dict();
    state.set("last_epoch", PlainValue::of(int64_t(1)));
    state.set("_step_count", PlainValue::of(int64_t(2)));
    PlainValue level, nothing;
    level.kind = nothing.kind = PlainValue::Kind::list;
    level.items.push_back(PlainValue::of(0.5));
    nothing.items.emplace_back();
    state.set("base_sl", level);
    state.set("_last_sl", level);
    state.set("init_sl", nothing);
    const std::vector<std::string> groups{"a.weight"};
    EXPECT_THAT(problem_of([&] { scheduler_state_from(state, groups, "s.pt"); }),
                HasSubstr("s.pt: init_sl is no value of an option"));
}

}  // namespace
}  // namespace lacuna
