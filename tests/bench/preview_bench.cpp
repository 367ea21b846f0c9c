// From a slider's move to what the window shows of it, in a session as the window has it: one layer of 4096 × 4096.
// `moved` is a drag by one percent, `jumped` one across half the range. With a number as argument: that many moves.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "engine/session/session.h"
#include "tests/bench/watch.h"
#include "tests/bench/weights.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

using namespace lacuna;
using bench::Watch;

namespace {

constexpr int64_t side = 4096;

struct Times {
    std::vector<double> mask, mask_cpu, detail, detail_cpu;
    static double least(const std::vector<double>& times) { return *std::min_element(times.begin(), times.end()); }
    static double median(std::vector<double> times) {
        std::nth_element(times.begin(), times.begin() + int64_t(times.size() / 2), times.end());
        return times[times.size() / 2];
    }
    void print(const std::string& name) const {
        std::printf("| %-34s | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f | %6.1f |\n", name.c_str(), least(mask),
                    median(mask), least(mask_cpu), least(detail), median(detail), least(detail_cpu));
    }
};

/// Wakes for what the session publishes, as a window does.
class Watched {
  public:
    explicit Watched(const std::filesystem::path& model) : session_([this] { changed(); }) {
        session_.open(model);
        session_.wait_idle();
        session_.focus(0);
    }

    void use(const std::vector<int64_t>& block, int64_t zeros) {
        session_.set_sparsifier({0}, "weight_norm");
        session_.set_option({0}, "sparse_block_shape", block);
        session_.set_option({0}, "zeros_per_block", zeros);
        session_.wait_idle();
    }

    void move_to(double level, Times& times) {
        const Watch watch;
        session_.set_option({0}, "sparsity_level", level, true);
        wait_for([&] { return shows(level) && !session_.snapshot()->computing; });
        times.mask.push_back(watch.passed());
        times.mask_cpu.push_back(watch.cpu());
        wait_for([&] { return session_.detail()->mask == session_.snapshot()->tensors[0]->shown; });
        times.detail.push_back(watch.passed());
        times.detail_cpu.push_back(watch.cpu());
        session_.wait_idle();
    }

    void step() {
        session_.step();
        session_.wait_idle();
    }

  private:
    bool shows(double level) const {
        const auto state = session_.snapshot()->tensors[0];
        return state->options.has("sparsity_level") && state->options.number("sparsity_level") == level;
    }
    void changed() {
        std::lock_guard lock(mutex_);
        ++version_;
        news_.notify_all();
    }
    template <typename Condition>
    void wait_for(Condition&& condition) {
        std::unique_lock lock(mutex_);
        while (!condition()) {
            const uint64_t seen = version_;
            news_.wait(lock, [&] { return version_ != seen; });
        }
    }

    std::mutex mutex_;
    std::condition_variable news_;
    uint64_t version_ = 0;
    Session session_;
};

void measure(const char* name, Watched& session, int moves) {
    Times moved, jumped;
    for (int i = -2; i < moves; ++i) {
        Times warm;
        session.move_to(0.4 + 0.01 * ((i + 2) % 20), i < 0 ? warm : moved);
    }
    for (int i = 0; i < moves; ++i) session.move_to(i % 2 ? 0.25 : 0.75, jumped);
    moved.print(std::string(name) + ", moved by 1%");
    jumped.print(std::string(name) + ", jumped by 50%");
}

}  // namespace

int main(int count, char** arguments) {
    const int moves = count > 1 ? std::max(1, std::atoi(arguments[1])) : 20;
    const testing_support::ScratchFolder folder;
    const std::vector<float> weights = bench::make_weights(side * side);
    Watched session(testing_support::write_safetensors(
        folder.path() / "layer.safetensors",
        {testing_support::tensor_of("layer.weight", DType::F32, {side, side}, weights)}));
    std::vector<float> copy(weights.size());
    double copied = 1e9;
    for (int i = 0; i < 10; ++i) {
        const Watch watch;
        std::memcpy(copy.data(), weights.data(), copy.size() * sizeof(float));
        copied = std::min(copied, watch.cpu());
    }
    std::printf(
        "From a slider's move to the result, ms, one layer of 4096 × 4096 F32; a memcpy of it takes %.1f ms.\n\n"
        "| rule | mask, least | median | CPU | histogram and picture too, least | median | CPU |\n"
        "|---|---|---|---|---|---|---|\n",
        copied);
    session.use({1, 1}, 1);
    measure("single weights", session, moves);
    session.use({1, 4}, 4);
    measure("1x4 blocks", session, moves);
    session.use({4, 4}, 16);
    measure("4x4 blocks", session, moves);
    session.use({1, 4}, 2);
    measure("2:4 in a share of blocks", session, moves);
    session.use({1, 1}, 1);
    session.step();
    measure("single weights, stepped", session, moves);
}
