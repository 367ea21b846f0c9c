#pragma once

#include <cstdint>
#include <functional>

#include "engine/mask/mask.h"
#include "engine/tensor/dtype.h"

/// Masks by kernels on an NVIDIA GPU, the same bits as the processor's (`ties: lowest`). Plain pointers into the GPU's
/// memory; nothing here waits for the GPU. Masks are as lacuna::Mask has them: 1 keeps, whole 64-bit words, bits past
/// the last weight 0.
namespace lacuna::cuda {

/// Where kernels run and what they may use.
struct Queue {
    void* stream = nullptr;  ///< a cudaStream_t
    int processors = 1;      ///< the GPU's multiprocessors
    int block_bytes = 0;     ///< memory that a launch can give one block of threads
    /// GPU memory, aligned to 256 bytes, that lives until what was put on the stream is done.
    std::function<void*(size_t bytes)> allocate;
};

/// A tensor of F16, BF16, F32 or F64, row-major, and how blocks lie over it.
struct Tensor {
    const void* weights = nullptr;
    DType dtype = DType::F32;
    int64_t rows = 0, columns = 0;      ///< of the matrix that blocks run over
    int64_t inner = 1;                  ///< more than 1: element (r, c) lies at (r / inner, c, r % inner)
    const uint64_t* current = nullptr;  ///< weights that this mask prunes score 0; null: all score as they are
    bool squared = false;               ///< the score is w², not |w|

    int64_t size() const { return rows * columns; }
};

/// The lowest `taken` of the blocks, and in each of them the lowest `zeros` weights (docs/parity.md, weight norm).
struct Selection {
    BlockShape block;   ///< no larger than the matrix
    int64_t taken = 0;  ///< blocks, at most all
    int64_t zeros = 0;  ///< at most the whole block
};

/// Writes the mask of a tensor that is not empty.
void prune(const Tensor& tensor, const Selection& selection, uint64_t* kept, const Queue& queue);
/// Copies `count` weights of 1, 2, 4, 8 or 16 bytes each, pruned ones as +0; `out` may be `in`.
void apply_mask(const void* in, const uint64_t* kept, int64_t count, int weight_bytes, void* out, const Queue& queue);
/// Writes the number of weights that a mask of `count` weights keeps.
void count_kept(const uint64_t* kept, int64_t count, uint64_t* total, const Queue& queue);

}  // namespace lacuna::cuda
