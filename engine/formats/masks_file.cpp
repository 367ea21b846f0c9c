#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/formats/formats.h"
#include "engine/formats/safetensors_writer.h"

namespace lacuna {

void write_masks(const MaskSet& masks, const std::filesystem::path& out, Progress& progress) {
    std::vector<SafetensorsEntry> entries;
    std::vector<const Mask*> in_order;
    uint64_t total = 0;
    for (const auto& [name, mask] : masks) {
        entries.push_back({name, DType::U8, mask->shape()});
        in_order.push_back(mask.get());
        total += uint64_t(mask->size());
    }
    OutputFile file(out);
    progress.begin("Writing masks", total, "B");
    ByteWriter writer(file.temporary(), out, progress);
    write_safetensors(
        entries, {{"format", "pt"}},
        [&](size_t i, std::vector<std::byte>& scratch) -> std::span<const std::byte> {
            scratch.resize(size_t(in_order[i]->size()));
            in_order[i]->to_bytes({reinterpret_cast<uint8_t*>(scratch.data()), scratch.size()});
            return scratch;
        },
        writer);
    writer.close();
    file.commit();
}

MaskSet read_masks(const std::filesystem::path& path) {
    const CheckpointPtr file = open_checkpoint(path);
    MaskSet masks;
    for (size_t i = 0; i < file->tensors().size(); ++i)
        masks.emplace(file->tensors()[i].name, std::make_shared<const Mask>(Mask::from_tensor(file->view(i))));
    return masks;
}

}  // namespace lacuna
