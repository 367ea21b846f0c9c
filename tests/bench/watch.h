#pragma once

#include <chrono>
#include <ctime>

namespace lacuna::bench {

/// Milliseconds that passed, and that the process' threads worked together: what counts on a machine with other work.
struct Watch {
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    std::clock_t worked = std::clock();

    double passed() const {
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    }
    double cpu() const { return double(std::clock() - worked) * 1000 / CLOCKS_PER_SEC; }
};

}  // namespace lacuna::bench
