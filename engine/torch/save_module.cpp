#include "engine/torch/save_module.h"

#include <torch/csrc/jit/serialization/export.h>
#include <torch/script.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/torch/libtorch_error.h"

namespace lacuna {

void save_module(const torch::jit::Module& module, const std::filesystem::path& path) {
    OutputFile file(path);
    std::ofstream out(file.temporary(), std::ios::binary);
    int reason = out ? 0 : errno;
    // LibTorch is not told of a failure: its writer would end the program, for it throws again in its destructor.
    const auto write = [&](const void* bytes, size_t size) {
        out.write(static_cast<const char*>(bytes), std::streamsize(size));
        if (!out && reason == 0) reason = errno;
        return size;
    };
    try {
        torch::jit::ExportModule(module, write);
    } catch (const std::exception& error) {
        throw Error(ErrorKind::argument, path.string(), "LibTorch cannot save this model: " + brief(error));
    }
    out.close();
    if (!out)
        throw Error(ErrorKind::file, path.string(),
                    std::string("cannot be written (") + std::strerror(reason == 0 ? errno : reason) + ")",
                    "check the room on its disk");
    file.commit();
}

}  // namespace lacuna
