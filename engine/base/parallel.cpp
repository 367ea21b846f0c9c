#include "engine/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace lacuna {
namespace {

std::atomic<int> wanted_threads{0};
thread_local bool inside_loop = false;

struct Loop {
    int64_t count, grain, chunks;
    const std::function<void(int64_t, int64_t)>* body;
    std::atomic<int64_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;

    void work() {
        for (int64_t chunk; (chunk = next.fetch_add(1)) < chunks;) {
            try {
                (*body)(chunk * grain, std::min(count, (chunk + 1) * grain));
            } catch (...) {
                next.store(chunks);
                std::lock_guard lock(mutex);
                if (!failure) failure = std::current_exception();
            }
        }
    }
};

/// While it lives, loops that start in this thread run in this thread alone.
struct Nested {
    bool before = std::exchange(inside_loop, true);
    ~Nested() { inside_loop = before; }
};

/// Threads that wait for loops. Helpers never outlive a loop that they joined: `run` waits for all of them.
class Pool {
  public:
    ~Pool() {
        {
            std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        for (auto& thread : workers_) thread.join();
    }

    void run(Loop& loop, int helpers) {
        std::unique_lock busy(one_loop_, std::try_to_lock);
        if (!busy) return loop.work();  // another thread's loop has the pool: this one runs alone
        const Nested nested;
        {
            std::lock_guard lock(mutex_);
            seats_ = std::min(helpers, hire(helpers));
            loop_ = &loop;
            running_ = 0;
        }
        wake_.notify_all();
        loop.work();
        std::unique_lock lock(mutex_);
        seats_ = 0;
        done_.wait(lock, [this] { return running_ == 0; });
        loop_ = nullptr;
    }

  private:
    /// Makes threads until there are so many, or as many as the system allows. Returns how many there are.
    int hire(int wanted) {
        try {
            while (int(workers_.size()) < wanted) workers_.emplace_back([this] { serve(); });
        } catch (const std::exception&) {  // the loop goes on with fewer
        }
        return int(workers_.size());
    }

    void serve() {
        const Nested nested;
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return stop_ || seats_ > 0; });
            if (stop_) return;
            --seats_;
            ++running_;
            Loop* loop = loop_;
            lock.unlock();
            loop->work();
            lock.lock();
            if (--running_ == 0) done_.notify_all();
        }
    }

    std::mutex one_loop_, mutex_;
    std::condition_variable wake_, done_;
    std::vector<std::thread> workers_;
    Loop* loop_ = nullptr;
    int seats_ = 0, running_ = 0;
    bool stop_ = false;
};

Pool& pool() {
    static Pool instance;
    return instance;
}

}  // namespace

void set_threads(int count) {
    wanted_threads = std::clamp(count, 0, 64);
}

int threads() {
    static const int machine = std::clamp(int(std::thread::hardware_concurrency()), 1, 64);  // asking reads a file
    const int wanted = wanted_threads;
    return wanted > 0 ? wanted : machine;
}

void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
    if (count <= 0) return;
    grain = std::max<int64_t>(grain, 1);
    Loop loop{count, grain, (count + grain - 1) / grain, &body, {}, {}, {}};
    const int helpers = int(std::min<int64_t>(threads(), loop.chunks)) - 1;
    if (inside_loop || helpers < 1) {
        loop.work();
    } else {
        pool().run(loop, helpers);
    }
    if (loop.failure) std::rethrow_exception(loop.failure);
}

}  // namespace lacuna
