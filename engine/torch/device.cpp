#include "engine/torch/device.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include "engine/base/error.h"

namespace lacuna {
namespace {

/// Registers LibTorch's GPU operators; the library may be absent, and it stays loaded once it is in.
bool load_cuda() {
    static const bool loaded = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr;
    return loaded;
}

}  // namespace

c10::Device find_device(const std::string& name) {
    if (name == "cpu") return c10::kCPU;
    if (name != "cuda")
        throw Error(ErrorKind::argument, "device", "there is no device '" + name + "'", "say cpu or cuda");
    if (!load_cuda())
        throw Error(ErrorKind::missing, "cuda", "this LibTorch has no CUDA library (libtorch_cuda.so)",
                    "run on the CPU, or give a LibTorch built for CUDA");
    if (!at::globalContext().hasCUDA() || at::globalContext().getAcceleratorHooksInterface(at::kCUDA).deviceCount() < 1)
        throw Error(ErrorKind::missing, "cuda", "LibTorch finds no usable GPU on this machine",
                    "run on the CPU, or check the driver with nvidia-smi");
    return c10::Device(c10::kCUDA, 0);
}

}  // namespace lacuna
