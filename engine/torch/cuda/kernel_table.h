#pragma once

#include "engine/torch/cuda/masks.h"

namespace lacuna::cuda {

/// How lacuna_torch reaches the kernels: they live in liblacuna_cuda.so, which is opened when somebody first asks for a
/// GPU, so that nothing else needs CUDA.
struct KernelTable {
    static constexpr int current_version = 1;

    int version = current_version;  ///< grows when this struct or one that crosses the border changes
    /// Fills in what a Queue says of GPU number `device`. False if there is no such GPU.
    bool (*describe)(int device, Queue& queue) = nullptr;
    decltype(&cuda::prune) prune = nullptr;
    decltype(&cuda::apply_mask) apply_mask = nullptr;
    decltype(&cuda::count_kept) count_kept = nullptr;
    /// Whether `pointer` is in a GPU's memory.
    bool (*on_gpu)(const void* pointer) = nullptr;
    /// What went wrong on the GPU since the last call, in CUDA's words; null: nothing. Waits for nothing.
    const char* (*problem)() = nullptr;
};

/// Name and type of the one function that liblacuna_cuda.so exports. The table lives forever.
inline constexpr const char* kernel_table_symbol = "lacuna_cuda_kernels";
using KernelTableFunction = const KernelTable* (*)();

}  // namespace lacuna::cuda
