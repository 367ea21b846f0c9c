#pragma once

#include <cstdint>
#include <vector>

namespace lacuna::kernels {

/// Two places that keys are exchanged between, so that the lesser one comes to the first.
struct Exchange {
    uint8_t first, second;
};

/// The exchanges after which place k − 1 of `places` (1 ≤ k ≤ places ≤ 256) holds the k-th lowest key, whatever the
/// keys were: Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2 M) without those that
/// have no part in that key.
std::vector<Exchange> selection_network(int64_t places, int64_t k);

}  // namespace lacuna::kernels
