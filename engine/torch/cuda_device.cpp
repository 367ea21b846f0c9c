#include "engine/torch/cuda_device.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

constexpr const char* library_name = "liblacuna_cuda.so";

at::Tensor empty(int64_t count, at::ScalarType type, c10::Device device) {
    return at::empty({count}, at::TensorOptions(type).device(device));
}

cuda::Tensor described(const at::Tensor& weight, const BlockRule& rule, bool squared) {
    const Shape shape = weight.sizes().vec();
    const MatrixShape flat = matrix_shape(shape);
    cuda::Tensor tensor{.weights = weight.const_data_ptr(),
                        .dtype = to_dtype(weight.scalar_type()),
                        .rows = flat.rows,
                        .columns = flat.columns,
                        .squared = squared};
    if (shape.size() > 2 && runs_along_inner(rule)) {
        tensor.inner = flat.columns / shape[1];
        tensor.rows = flat.rows * tensor.inner;
        tensor.columns = shape[1];
    }
    return tensor;
}

cuda::Selection selection_of(const BlockRule& rule, MatrixShape matrix) {
    const bool inside = rule.zeros < rule.block.rows * rule.block.columns;
    const BlockShape block = fitted(rule.block, matrix);
    const MatrixShape blocks = blocks_of(matrix, block);
    const int64_t whole = block.rows * block.columns;
    return {.block = block,
            .taken = blocks_taken(rule.level, blocks.rows * blocks.columns, rule.spare_one),
            .zeros = inside ? std::clamp<int64_t>(rule.zeros, 0, whole) : whole};
}

const cuda::KernelTable& load_kernels() {
    Dl_info self{};
    ::dladdr(reinterpret_cast<const void*>(&make_cuda_device), &self);
    const auto beside = std::filesystem::path(self.dli_fname ? self.dli_fname : "").parent_path() / library_name;
    void* library = ::dlopen(beside.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) library = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    const auto function =
        library ? reinterpret_cast<cuda::KernelTableFunction>(::dlsym(library, cuda::kernel_table_symbol)) : nullptr;
    const cuda::KernelTable* table = function ? function() : nullptr;
    if (!table || table->version != cuda::KernelTable::current_version)
        throw Error(ErrorKind::missing, "cuda", "this build of Lacuna has no kernels for the GPU",
                    "build where nvcc is found (preset cuda), or run on the CPU");
    return *table;
}

}  // namespace

/// One call's use of the GPU: what it allocates lives as long as this.
class CudaDevice::Job {
  public:
    explicit Job(const CudaDevice& owner) : device_(owner.device_), guard_(device_) {
        if (device_.is_cuda()) {
            const c10::impl::VirtualGuardImpl guard(device_.type());
            queue.stream = guard.getStream(device_).native_handle();
        }
        if (!owner.kernels_.describe(device_.has_index() ? device_.index() : 0, queue))
            throw Error(ErrorKind::missing, "cuda", "there is no GPU " + device_.str(), "run on the CPU");
        queue.allocate = [this](size_t bytes) {
            memory_.push_back(empty(int64_t(std::max<size_t>(bytes, 1)), at::kByte, device_));
            return memory_.back().mutable_data_ptr();
        };
    }

    cuda::Queue queue;

  private:
    c10::Device device_;
    c10::DeviceGuard guard_;  // kernels start on the current GPU, whatever stream they are put on
    std::vector<at::Tensor> memory_;
};

CudaDevice::CudaDevice(const cuda::KernelTable& kernels, c10::Device device) : kernels_(kernels), device_(device) {}

std::optional<Mask> CudaDevice::prune(const TensorView& weight, const Mask* current, bool squared,
                                      const BlockRule& rule) {
    const bool masked = current && current->pruned() > 0;
    try {
        const at::Tensor kept = prune_there(weight, squared, rule, masked ? upload(*current) : at::Tensor());
        if (!kept.defined()) return std::nullopt;
        return download(kept, weight.shape);
    } catch (const c10::OutOfMemoryError&) {
        return std::nullopt;  // the processor has room for it
    }
}

at::Tensor CudaDevice::prune_there(const TensorView& weight, bool squared, const BlockRule& rule,
                                   const at::Tensor& current) const {
    constexpr DType known[] = {DType::F16, DType::BF16, DType::F32, DType::F64};
    if (rule.ties != Ties::lowest || weight.elements() == 0 ||
        std::find(std::begin(known), std::end(known), weight.dtype) == std::end(known))
        return {};
    const at::Tensor resident = here(weight).contiguous();
    cuda::Tensor tensor = described(resident, rule, squared);
    if (current.defined()) tensor.current = static_cast<const uint64_t*>(current.const_data_ptr());
    at::Tensor kept = empty((weight.elements() + 63) / 64, at::kLong, device_);
    const Job job(*this);
    kernels_.prune(tensor, selection_of(rule, {tensor.rows, tensor.columns}),
                   static_cast<uint64_t*>(kept.mutable_data_ptr()), job.queue);
    check();
    return kept;
}

std::vector<std::byte> CudaDevice::on_host(const TensorView& weight) {
    const at::Tensor copy = here(weight).cpu().contiguous();
    check();
    std::vector<std::byte> bytes(copy.nbytes());
    if (!bytes.empty()) std::memcpy(bytes.data(), copy.const_data_ptr(), bytes.size());
    return bytes;
}

at::Tensor CudaDevice::upload(const Mask& mask) const {
    void* words = const_cast<uint64_t*>(mask.words().data());
    const at::Tensor host = at::from_blob(words, {int64_t(mask.words().size())}, at::TensorOptions(at::kLong));
    return host.to(device_);
}

Mask CudaDevice::download(const at::Tensor& words, const Shape& shape) const {
    const at::Tensor host = words.cpu();
    check();
    Mask mask = Mask::zeros(shape);
    if (mask.size() > 0) std::memcpy(mask.words().data(), host.const_data_ptr(), host.nbytes());
    return mask;
}

void CudaDevice::apply_mask(const at::Tensor& words, at::Tensor& weight) const {
    const Job job(*this);
    void* data = weight.mutable_data_ptr();
    kernels_.apply_mask(data, static_cast<const uint64_t*>(words.const_data_ptr()), weight.numel(),
                        int(weight.element_size()), data, job.queue);
    check();
}

int64_t CudaDevice::count_kept(const at::Tensor& words, int64_t size) const {
    const Job job(*this);
    const at::Tensor total = empty(1, at::kLong, device_);
    kernels_.count_kept(static_cast<const uint64_t*>(words.const_data_ptr()), size,
                        static_cast<uint64_t*>(total.mutable_data_ptr()), job.queue);
    const at::Tensor host = total.cpu();
    check();
    return *static_cast<const int64_t*>(host.const_data_ptr());
}

TensorView CudaDevice::view_of(const at::Tensor& tensor) {
    return {static_cast<const std::byte*>(tensor.const_data_ptr()), to_dtype(tensor.scalar_type()),
            tensor.sizes().vec(), tensor.strides().vec()};
}

/// The weight as a tensor on the device: where it lies, or copied there.
at::Tensor CudaDevice::here(const TensorView& weight) const {
    if (!kernels_.on_gpu(weight.data)) return as_tensor(weight).to(device_);
    return at::for_blob(const_cast<std::byte*>(weight.data), weight.shape)
        .strides(weight.strides)
        .options(at::TensorOptions(to_scalar_type(weight.dtype)).device(device_))
        .target_device(device_)
        .make_tensor();
}

/// Whether all was started well and, once the device was waited for, ended well.
void CudaDevice::check() const {
    if (const char* problem = kernels_.problem())
        throw Error(ErrorKind::state, device_.str(), std::string("the GPU failed: ") + problem, "run on the CPU");
}

std::unique_ptr<CudaDevice> make_cuda_device(c10::Device device) {
    static const cuda::KernelTable& kernels = load_kernels();
    return std::make_unique<CudaDevice>(kernels, device);
}

}  // namespace lacuna
