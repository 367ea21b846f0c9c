#include "engine/formats/masks_file.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/base/parallel.h"
#include "engine/formats/formats.h"
#include "engine/formats/mapped_file.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/kernels/bits.h"

namespace lacuna {

MasksFile::MasksFile(const std::map<std::string, Shape, std::less<>>& masks, const std::filesystem::path& path,
                     const std::filesystem::path& target, Progress& progress, bool go_on)
    : path_(path) {
    std::vector<SafetensorsEntry> entries;
    for (const auto& [name, shape] : masks) entries.push_back({name, DType::U8, shape});
    const SafetensorsLayout layout = safetensors_layout(entries, {{"format", "pt"}});
    for (size_t i = 0; i < entries.size(); ++i)
        places_[entries[i].name] = {layout.places[i], element_count(entries[i].shape)};
    writer_ = std::make_unique<ByteWriter>(path, target, progress, go_on);
    writer_->write_at(0, std::as_bytes(std::span(layout.head)));
    bytes_ = layout.bytes;
}

TensorFacts MasksFile::put(std::string_view name, const Mask& mask) {
    const Place& place = places_.find(name)->second;
    FactsOfPieces facts(DType::U8, uint64_t(place.weights));
    parallel_for(facts.pieces(), 1, [&](int64_t begin, int64_t end) {
        std::vector<uint8_t> bytes;
        for (int64_t piece = begin; piece < end; ++piece) {
            bytes.resize(size_t(facts.bytes_of(piece)));
            const auto count = int64_t(bytes.size()), first = int64_t(facts.begin_of(piece));
            for (int64_t i = 0; i < count; i += 64)
                kernels::unpack(mask.words()[size_t((first + i) / 64)], bytes.data() + i,
                                std::min<int64_t>(64, count - i));
            const auto data = std::as_bytes(std::span(bytes));
            facts.add(piece, data);
            writer_->write_at(place.begin + uint64_t(first), data);
        }
    });
    writer_->written(uint64_t(place.weights));
    return facts.facts();
}

TensorFacts MasksFile::read_back(std::string_view name) const {
    const Place& place = places_.find(name)->second;
    if (place.weights == 0) return facts_of(DType::U8, {}, {});
    const MappedFilePtr file = MappedFile::open(path_);
    if (file->size() < place.begin + uint64_t(place.weights)) return {};
    return facts_of(DType::U8, file->bytes().subspan(size_t(place.begin), size_t(place.weights)), {});
}

void write_masks(const MaskSet& masks, const std::filesystem::path& out, Progress& progress) {
    std::map<std::string, Shape, std::less<>> shapes;
    uint64_t total = 0;
    for (const auto& [name, mask] : masks) {
        shapes[name] = mask->shape();
        total += uint64_t(mask->size());
    }
    OutputFile file(out);
    progress.begin("Writing masks", total, "B");
    MasksFile writer(shapes, file.temporary(), out, progress);
    for (const auto& [name, mask] : masks) writer.put(name, *mask);
    writer.close();
    file.commit();
}

namespace {

/// Empty if the tensor's elements are 0 and 1 in a byte each.
std::string why_no_mask(const TensorView& tensor) {
    if (tensor.dtype != DType::U8 && tensor.dtype != DType::BOOL)
        return "it is " + std::string(dtype_name(tensor.dtype));
    const std::span bytes(tensor.data, size_t(tensor.elements()));
    const bool bits = std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte <= std::byte{1}; });
    return bits ? "" : "it holds other values than 0 and 1";
}

}  // namespace

MaskSet read_masks(const std::filesystem::path& path) {
    const CheckpointPtr file = open_checkpoint(path);
    MaskSet masks;
    for (size_t i = 0; i < file->tensors().size(); ++i) {
        const TensorInfo& info = file->tensors()[i];
        if (const std::string problem = why_no_mask(file->view(i)); !problem.empty())
            throw Error(ErrorKind::format, path.string(), info.name + " is no mask: " + problem,
                        "masks are tensors of U8, 0 for pruned and 1 for kept, as prune --masks writes them");
        masks.emplace(info.name, std::make_shared<const Mask>(Mask::from_tensor(file->view(i))));
    }
    return masks;
}

}  // namespace lacuna
