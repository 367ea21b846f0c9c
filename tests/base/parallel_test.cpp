#include "engine/base/parallel.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

namespace lacuna {
namespace {

struct Threads {
    explicit Threads(int count) { set_threads(count); }
    ~Threads() { set_threads(0); }
};

TEST(Parallel, EveryItemOnceInChunksThatDoNotDependOnThreads) {
    for (int count : {1, 2, 7}) {
        const Threads scope(count);
        std::vector<std::atomic<int>> seen(1001);
        std::vector<std::atomic<int64_t>> ends(11);
        parallel_for(1001, 100, [&](int64_t begin, int64_t end) {
            EXPECT_EQ(begin % 100, 0);
            ends[size_t(begin / 100)] = end;
            for (int64_t i = begin; i < end; ++i) ++seen[size_t(i)];
        });
        for (auto& times : seen) EXPECT_EQ(times, 1);
        for (int64_t chunk = 0; chunk < 11; ++chunk)
            EXPECT_EQ(ends[size_t(chunk)], std::min<int64_t>(1001, chunk * 100 + 100));
    }
}

TEST(Parallel, NothingToDoCallsNothing) {
    parallel_for(0, 10, [](int64_t, int64_t) { FAIL(); });
    parallel_for(-5, 10, [](int64_t, int64_t) { FAIL(); });
}

TEST(Parallel, AnExceptionComesOutAfterAllChunksEnded) {
    const Threads scope(4);
    std::atomic<int> running{0};
    EXPECT_THROW(parallel_for(64, 1,
                              [&](int64_t begin, int64_t) {
                                  ++running;
                                  if (begin == 3) {
                                      --running;
                                      throw std::runtime_error("three");
                                  }
                                  --running;
                              }),
                 std::runtime_error);
    EXPECT_EQ(running, 0);
}

TEST(Parallel, NestedLoopsAndLoopsOfOtherThreadsFinish) {
    const Threads scope(4);
    std::atomic<int> total{0};
    const auto loop = [&] {
        for (int round = 0; round < 50; ++round)
            parallel_for(8, 1, [&](int64_t, int64_t) {
                parallel_for(8, 2, [&](int64_t begin, int64_t end) { total += int(end - begin); });
            });
    };
    std::thread other(loop);
    loop();
    other.join();
    EXPECT_EQ(total, 2 * 50 * 64);
}

TEST(Parallel, WithoutNewThreadsItGoesOnWithThoseThatThereAre) {
    const Threads scope(64);
    pthread_attr_t before, endless;
    ASSERT_EQ(pthread_getattr_default_np(&before), 0);
    ASSERT_EQ(pthread_getattr_default_np(&endless), 0);
    ASSERT_EQ(pthread_attr_setstacksize(&endless, size_t(1) << 60), 0);
    ASSERT_EQ(pthread_setattr_default_np(&endless), 0);
    EXPECT_THROW(std::thread([] {}).join(), std::system_error) << "else this test shows nothing";
    std::atomic<int64_t> total{0};
    EXPECT_NO_THROW(parallel_for(100, 1, [&](int64_t begin, int64_t) { total += begin; }));
    pthread_setattr_default_np(&before);
    EXPECT_EQ(total, 4950);
}

}  // namespace
}  // namespace lacuna
