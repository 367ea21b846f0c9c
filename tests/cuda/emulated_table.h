#pragma once

#include "engine/torch/cuda/kernel_table.h"

namespace lacuna::cuda {

/// The kernels of emulated_masks.cpp: the processor plays the GPU.
inline const KernelTable& emulated_table() {
    static const KernelTable table{
        KernelTable::current_version,
        [](int, Queue& queue) {
            queue.processors = 3;
            queue.block_bytes = 100 << 10;
            return true;
        },
        prune,
        apply_mask,
        count_kept,
        [](const void*) { return false; },
        []() -> const char* { return nullptr; },
    };
    return table;
}

}  // namespace lacuna::cuda
