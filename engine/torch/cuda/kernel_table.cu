#include "engine/torch/cuda/kernel_table.h"
#include "engine/torch/cuda/language.h"

namespace {

bool describe(int device, lacuna::cuda::Queue& queue) {
    return cudaDeviceGetAttribute(&queue.processors, cudaDevAttrMultiProcessorCount, device) == cudaSuccess &&
           cudaDeviceGetAttribute(&queue.block_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) == cudaSuccess;
}

bool on_gpu(const void* pointer) {
    cudaPointerAttributes attributes{};
    return cudaPointerGetAttributes(&attributes, pointer) == cudaSuccess && attributes.type == cudaMemoryTypeDevice;
}

const char* problem() {
    const cudaError_t code = cudaGetLastError();
    return code == cudaSuccess ? nullptr : cudaGetErrorString(code);
}

}  // namespace

/// Found by name by lacuna_torch.
extern "C" const lacuna::cuda::KernelTable* lacuna_cuda_kernels() {
    using namespace lacuna::cuda;
    static const KernelTable table{
        KernelTable::current_version, describe, prune, apply_mask, count_kept, on_gpu, problem};
    return &table;
}
