#include "engine/formats/torch_objects.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/formats/torch_legacy.h"
#include "engine/formats/torch_tensors.h"
#include "engine/formats/torch_zip.h"

namespace lacuna {
namespace {

constexpr int64_t most_weights = int64_t(1) << 36;  // of a sparse mask, whose shape no storage backs
constexpr uint64_t always_given = 512 << 20;        // bytes, of a file of any size

std::optional<Shape> size_of(const PickleGraph& graph, PickleId id) {
    if (graph.callable_name(id) == "torch.Size") {
        const auto arguments = graph.sequence(graph.object(id).arguments);
        if (arguments.size() != 1) return std::nullopt;
        id = arguments[0];
    }
    Shape shape;
    int64_t weights = 1;
    for (const PickleId side : graph.sequence(id)) {
        const int64_t length = graph[side].integer;
        if (graph.kind(side) != PickleKind::integer || length < 0 || length > most_weights) return std::nullopt;
        if (length > 0 && weights > most_weights / length) return std::nullopt;
        weights *= length;
        shape.push_back(length);
    }
    return shape;
}

}  // namespace

TorchObjects::TorchObjects(const std::filesystem::path& path) : where_(path.string()), file_(MappedFile::open(path)) {
    const std::string_view text(reinterpret_cast<const char*>(file_->bytes().data()), file_->size());
    if (looks_like_zip(file_->bytes())) {
        archive_.emplace(file_->bytes(), where_);
        root_ = torch_archive_root(*archive_, where_);
        legacy_.pickle = read_pickle(archive_->checked_text(*archive_->find(root_ + "data.pkl")), where_);
    } else if (looks_like_pickle(text)) {
        legacy_ = read_legacy_file(text, where_);
    } else {
        throw Error(ErrorKind::format, where_, "is no file that torch.save wrote", "save the object with torch.save");
    }
}

void TorchObjects::damaged(const std::string& what) const {
    throw Error(ErrorKind::format, where_, what, "fetch or save the file again");
}

void TorchObjects::spend(uint64_t bytes) {
    asked_for_ += bytes;
    if (asked_for_ > always_given + 4 * file_->size()) damaged("its tensors repeat their storages beyond any use");
}

std::span<const std::byte> TorchObjects::storage(std::string_view key) {
    if (archive_) {
        const ZipRecord* record = archive_->find(root_ + "data/" + std::string(key));
        if (!record) damaged("a storage is missing");
        return archive_->content(*record);
    }
    for (const LegacyFile::Storage& storage : legacy_.storages)
        if (storage.key == key) return storage.bytes;
    damaged("a storage is missing");
}

std::optional<TensorView> TorchObjects::tensor(PickleId id) {
    PickledTensor tensor;
    if (graph().kind(id) != PickleKind::object || read_tensor(graph(), id, where_, tensor) != TensorKind::tensor)
        return std::nullopt;
    const auto bytes = storage(tensor.storage.key);
    if (bytes.size() < tensor.storage.bytes()) damaged("a storage is shorter than its tensors ask for");
    spend(tensor.info.bytes());
    return TensorView{bytes.data() + tensor.info.offset, tensor.info.dtype, tensor.info.shape, tensor.info.strides};
}

std::optional<Mask> TorchObjects::mask(PickleId id) {
    if (graph().callable_name(id) == "torch._utils._rebuild_sparse_tensor") return sparse_mask(id);
    const auto dense = tensor(id);
    if (!dense) return std::nullopt;
    return Mask::from_tensor(*dense);
}

std::optional<Mask> TorchObjects::sparse_mask(PickleId id) {
    const auto arguments = graph().sequence(graph().object(id).arguments);
    if (arguments.size() != 2) damaged("a sparse tensor lacks its parts");
    const auto layout = graph().sequence(graph().object(arguments[0]).arguments);
    if (layout.size() != 1 || !graph().is_text(layout[0], "torch.sparse_coo")) return std::nullopt;
    const auto parts = graph().sequence(arguments[1]);
    if (parts.size() < 3) damaged("a sparse tensor lacks its parts");
    const auto places = tensor(parts[0]), values = tensor(parts[1]);
    const auto shape = size_of(graph(), parts[2]);
    if (!places || !values || !shape) damaged("a sparse tensor lacks its parts");
    const int64_t count = values->elements(), sides = int64_t(shape->size());
    if (places->dtype != DType::I64 || places->shape != Shape{sides, count} || values->shape != Shape{count})
        damaged("a sparse tensor's places and values do not belong together");
    std::vector<std::byte> bytes(size_t(count * sides) * 8);
    copy_contiguous(*places, bytes.data());
    const auto* place = reinterpret_cast<const int64_t*>(bytes.data());
    const Mask kept = Mask::from_tensor(*values);
    spend(uint64_t(element_count(*shape)) / 8);
    Mask mask = Mask::zeros(*shape);
    for (int64_t i = 0; i < count; ++i) {
        int64_t at = 0;
        for (int64_t d = 0; d < sides; ++d) {
            const int64_t index = place[d * count + i];
            if (index < 0 || index >= (*shape)[size_t(d)]) damaged("a sparse tensor has a place outside its shape");
            at = at * (*shape)[size_t(d)] + index;
        }
        if (kept[i]) mask.set(at, true);
    }
    return mask;
}

}  // namespace lacuna
