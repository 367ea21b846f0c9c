#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "engine/sparsifiers/block_device.h"
#include "engine/torch/cuda/kernel_table.h"

namespace lacuna {

/// Block rules by the kernels of engine/torch/cuda, on LibTorch's current stream of a GPU and in memory from LibTorch's
/// allocator. Weights may lie on that GPU or in the processor's memory. F16, BF16, F32 and F64 with `ties: lowest`; the
/// rest is left to the processor. Any number of threads may use it at once.
class CudaDevice final : public BlockDevice {
  public:
    /// `kernels` must outlive this. Anything but a CUDA device is for kernels that run on the processor: tests have
    /// such.
    CudaDevice(const cuda::KernelTable& kernels, c10::Device device);

    std::optional<Mask> prune(const TensorView& weight, const Mask* current, bool squared,
                              const BlockRule& rule) override;
    std::vector<std::byte> on_host(const TensorView& weight) override;

    /// The mask that `prune` gives, as words on the device; undefined where that gives nothing. Does not wait.
    at::Tensor prune_there(const TensorView& weight, bool squared, const BlockRule& rule,
                           const at::Tensor& current = {}) const;
    /// A mask's words as an I64 tensor on the device, and back.
    at::Tensor upload(const Mask& mask) const;
    Mask download(const at::Tensor& words, const Shape& shape) const;
    /// Sets what `words` prunes in a contiguous tensor on the device to +0.
    void apply_mask(const at::Tensor& words, at::Tensor& weight) const;
    /// Weights that a mask of `size` weights keeps, by the device's own count.
    int64_t count_kept(const at::Tensor& words, int64_t size) const;

    /// A tensor on the device as the engine sees it: its data pointer is not for the processor to read.
    static TensorView view_of(const at::Tensor& tensor);

  private:
    class Job;

    at::Tensor here(const TensorView& weight) const;
    void check() const;

    const cuda::KernelTable& kernels_;
    c10::Device device_;
};

/// The GPU that LibTorch calls `device`, with its kernels loaded. Throws Error(missing) where LibTorch finds no GPU or
/// liblacuna_cuda.so was not built.
std::unique_ptr<CudaDevice> make_cuda_device(c10::Device device);

}  // namespace lacuna
