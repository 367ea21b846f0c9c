#include "engine/session/lane.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <vector>

namespace lacuna {
namespace {

/// Waits until everything posted so far has run.
void drain(Lane& lane) {
    std::promise<void> reached;
    lane.post([&](const CancelToken&) { reached.set_value(); });
    reached.get_future().wait();
}

TEST(Lane, RunsInOrder) {
    Lane lane;
    std::vector<int> order;
    for (int i = 0; i < 100; ++i) lane.post([&, i](const CancelToken&) { order.push_back(i); });
    drain(lane);
    ASSERT_EQ(order.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(order[size_t(i)], i);
}

TEST(Lane, LatestOfATagWinsAndOthersStay) {
    Lane lane;
    std::promise<void> gate;
    lane.post([opened = gate.get_future().share()](const CancelToken&) { opened.wait(); });
    std::vector<int> ran;
    lane.replace(
        "slider", [&](const CancelToken&) { ran.push_back(1); }, false);
    lane.replace(
        "other", [&](const CancelToken&) { ran.push_back(2); }, false);
    lane.replace(
        "slider", [&](const CancelToken&) { ran.push_back(3); }, false);
    gate.set_value();
    drain(lane);
    EXPECT_EQ(ran, (std::vector<int>{2, 3}));
}

TEST(Lane, ReplacingCancelsWhatRunsOnlyIfAsked) {
    Lane lane;
    for (const bool ask : {false, true}) {
        std::promise<void> started, replaced;
        std::atomic<bool> cancelled{false};
        lane.replace(
            "work",
            [&](const CancelToken& token) {
                started.set_value();
                replaced.get_future().wait();
                cancelled = token.cancelled();
            },
            false);
        started.get_future().wait();
        lane.replace(
            "work", [](const CancelToken&) {}, ask);
        replaced.set_value();
        drain(lane);
        EXPECT_EQ(cancelled, ask);
    }
}

TEST(Lane, StopCancelsDropsAndJoins) {
    std::atomic<int> dropped_ran{0};
    std::atomic<bool> saw_cancel{false};
    {
        Lane lane;
        std::promise<void> started;
        lane.post([&](const CancelToken& token) {
            started.set_value();
            while (!token.cancelled()) std::this_thread::yield();
            saw_cancel = true;
        });
        lane.post([&](const CancelToken&) { ++dropped_ran; });
        started.get_future().wait();
        lane.stop();
        lane.post([&](const CancelToken&) { ++dropped_ran; });
    }
    EXPECT_TRUE(saw_cancel);
    EXPECT_EQ(dropped_ran, 0);
}

/// As a step that needs a calibration waits for the evaluation that has the model.
TEST(Lane, GivenUpTogetherOneMayWaitForTheOther) {
    Lane waiting, working;
    std::promise<void> started, done;
    working.post([&](const CancelToken& token) {
        started.set_value();
        while (!token.cancelled()) std::this_thread::yield();
        done.set_value();
    });
    started.get_future().wait();
    waiting.post([&](const CancelToken&) { done.get_future().wait(); });
    for (Lane* lane : {&waiting, &working}) lane->give_up();
    for (Lane* lane : {&waiting, &working}) lane->stop();
}

}  // namespace
}  // namespace lacuna
