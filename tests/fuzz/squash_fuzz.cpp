// Opens any bytes as a checkpoint and exports it with squashed names and the masks that it holds. The export opens what
// it wrote and proves it; an Error that comes of that says so and is a finding.
#include <algorithm>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/formats/saved_mask.h"
#include "engine/formats/squashed_names.h"
#include "tests/fuzz/memory_file.h"
#include "tests/support/scratch_folder.h"

namespace {

constexpr uint64_t most_bytes = 1 << 16;  // of a tensor: expanded views may be larger than the file

void squash(const lacuna::CheckpointPtr& checkpoint, const std::filesystem::path& out) {
    const auto is_large = [](const lacuna::TensorInfo& tensor) { return tensor.bytes() > most_bytes; };
    if (std::any_of(checkpoint->tensors().begin(), checkpoint->tensors().end(), is_large)) return;
    const lacuna::SquashedNames squashed(checkpoint);
    lacuna::MaskSet masks;
    for (size_t i = 0; i < squashed.tensors().size(); ++i)
        if (auto mask = lacuna::saved_mask(*checkpoint, squashed.source_of(i)))
            masks.emplace(squashed.tensors()[i].name, std::move(mask));
    lacuna::Progress progress;
    lacuna::export_checkpoint(squashed, masks, out, lacuna::writable_format(squashed), progress);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const lacuna::testing_support::ScratchFolder folder;
    lacuna::set_threads(1);
    const lacuna::fuzz::MemoryFile file(data, size);
    if (!file) return 0;
    try {
        squash(lacuna::open_checkpoint(file.path()), folder / "out");
    } catch (const lacuna::Error& error) {
        if (std::string_view(error.where()).starts_with(folder.path().string())) __builtin_trap();
    }
    return 0;
}
