#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#include <cuda_runtime.h>

namespace lacuna::cuda {

/// The memory that a launch gave each block of threads.
template <typename T>
__device__ T* launch_memory() {
    extern __shared__ __align__(16) unsigned char bytes[];
    return reinterpret_cast<T*>(bytes);
}

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, size_t shared, cudaStream_t stream,
            Arguments... arguments) {
    if (shared > 48 * 1024) cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shared));
    kernel<<<blocks, threads, shared, stream>>>(arguments...);
}

}  // namespace lacuna::cuda
#endif
// Without nvcc these files compile as C++ over tests/cuda/emulation.h, which provides the same names.
