#pragma once

#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

/// Enough of CUDA to run the kernels on a processor, so that their bits are tested where there is no GPU: the blocks of
/// a launch one after the other, the threads of a block as fibers that take turns at each __syncthreads. It knows
/// nothing of warps, of speed, and of memory that is read before it was written by another block.
namespace emulated {

struct Index {
    unsigned x = 0;
};
inline Index thread, block, block_size, grid_size;

/// The threads of the block that runs. They switch by _longjmp, which calls no kernel: there are millions of switches.
class Fibers {
  public:
    /// Runs `body` for each thread until all have returned.
    void run(unsigned threads, const std::function<void()>& body) {
        body_ = &body;
        while (fibers_.size() < threads) fibers_.push_back(std::make_unique<Fiber>());
        for (unsigned i = 0; i < threads; ++i) fibers_[i]->state = Fiber::fresh;
        for (bool running = true; running;) {
            running = false;
            for (current_ = 0; current_ < threads; ++current_) {
                if (fibers_[current_]->state == Fiber::done) continue;
                turn();
                running = true;
            }
        }
    }

    /// Lets the block's other threads come as far.
    void wait() {
        if (_setjmp(fibers_[current_]->here) == 0) _longjmp(scheduler_, 1);
    }

  private:
    struct Fiber {
        enum State { fresh, started, done } state = fresh;
        jmp_buf here;
        ucontext_t beginning;
        std::vector<char> stack = std::vector<char>(size_t(64) << 10);
    };

    /// Lets the current thread run until it waits or returns.
    void turn() {
        thread.x = current_;
        if (_setjmp(scheduler_) != 0) return;
        Fiber& fiber = *fibers_[current_];
        if (fiber.state == Fiber::started) _longjmp(fiber.here, 1);
        fiber.state = Fiber::started;
        getcontext(&fiber.beginning);
        fiber.beginning.uc_stack = {.ss_sp = fiber.stack.data(), .ss_flags = 0, .ss_size = fiber.stack.size()};
        makecontext(&fiber.beginning, &Fibers::enter, 0);
        setcontext(&fiber.beginning);
    }
    [[noreturn]] static void enter();

    std::vector<std::unique_ptr<Fiber>> fibers_;
    const std::function<void()>* body_ = nullptr;
    jmp_buf scheduler_;
    unsigned current_ = 0;
};
inline Fibers fibers;

inline void Fibers::enter() {
    (*fibers.body_)();
    fibers.fibers_[fibers.current_]->state = Fiber::done;
    _longjmp(fibers.scheduler_, 1);
}

inline std::vector<uint64_t> block_memory;

}  // namespace emulated

#define __device__
#define __host__
#define __global__
#define __shared__ static
#define threadIdx emulated::thread
#define blockIdx emulated::block
#define blockDim emulated::block_size
#define gridDim emulated::grid_size

using cudaStream_t = void*;

inline void __syncthreads() {
    emulated::fibers.wait();
}
inline float __uint_as_float(uint32_t bits) {
    return std::bit_cast<float>(bits);
}
inline uint32_t __float_as_uint(float number) {
    return std::bit_cast<uint32_t>(number);
}
inline long long __double_as_longlong(double number) {
    return std::bit_cast<long long>(number);
}
inline int __popc(unsigned bits) {
    return std::popcount(bits);
}
template <typename T>
T atomicAdd(T* to, T what) {
    return std::exchange(*to, *to + what);
}
template <typename T>
T atomicAnd(T* to, T what) {
    return std::exchange(*to, *to & what);
}
inline void cudaMemsetAsync(void* memory, int byte, size_t bytes, cudaStream_t) {
    std::memset(memory, byte, bytes);
}

namespace lacuna::cuda {

template <typename T>
T* launch_memory() {
    return reinterpret_cast<T*>(emulated::block_memory.data());
}

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, size_t shared, cudaStream_t,
            Arguments... arguments) {
    emulated::block_memory.assign((shared + 7) / 8, 0xccccccccccccccccull);  // nothing may count on zeros
    emulated::grid_size.x = blocks;
    emulated::block_size.x = threads;
    const std::function<void()> body = [&] { kernel(arguments...); };
    for (unsigned i = 0; i < blocks; ++i) {
        emulated::block.x = i;
        emulated::fibers.run(threads, body);
    }
}

}  // namespace lacuna::cuda
