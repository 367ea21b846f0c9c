// Opens any bytes as a checkpoint and reads all its tensors. Errors are fine, everything else is a finding.
#include <vector>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/model/model.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const lacuna::fuzz::MemoryFile file(data, size);
    if (!file) return 0;
    try {
        const auto checkpoint = lacuna::open_checkpoint(file.path());
        const lacuna::Model model(checkpoint);
        std::vector<std::byte> bytes;
        for (size_t i = 0; i < checkpoint->tensors().size(); ++i) {
            const uint64_t needed = checkpoint->tensors()[i].bytes();
            if (needed > 1 << 20) continue;  // expanded views may be larger than the file
            bytes.resize(needed);
            lacuna::copy_contiguous(checkpoint->view(i), bytes.data());
        }
    } catch (const lacuna::Error&) {
    }
    return 0;
}
