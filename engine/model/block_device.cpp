#include "engine/model/block_device.h"

#include <dlfcn.h>

#include "engine/base/error.h"
#include "engine/model/torch_plugin.h"

namespace lacuna {

std::unique_ptr<BlockDevice> make_block_device(const std::string& device) {
    if (device == "cpu") return nullptr;
    if (device != "cuda")
        throw Error(ErrorKind::argument, "device", "there is none called \"" + device + "\"", "choose cpu or cuda");
    // Without the driver there is nothing to load LibTorch for, which takes a second.
    if (!::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL))
        throw Error(ErrorKind::missing, "device cuda", "no NVIDIA GPU was found on this machine",
                    "leave it out: the processor gives the same masks");
    return torch_plugin("pruning on a GPU").make_block_device(device);
}

}  // namespace lacuna
