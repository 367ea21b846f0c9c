#include "engine/formats/torch_object_writer.h"

#include <cstring>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/formats/byte_writer.h"
#include "engine/formats/pickle_writer.h"
#include "engine/formats/torch_zip.h"

namespace lacuna {
namespace {

constexpr const char* stop = ".";
constexpr const char* reduce = "R";

std::string tuple(const std::string& items) {
    return "(" + items + "t";
}

}  // namespace

std::string TorchObjectWriter::value(const PlainValue& value) {
    using Kind = PlainValue::Kind;
    switch (value.kind) {
        case Kind::none:
            return "N";
        case Kind::boolean:
            return value.integer ? "\x88" : "\x89";
        case Kind::integer:
            return pickle::integer(value.integer);
        case Kind::real:
            return pickle::real(value.real);
        case Kind::text:
            return pickle::text(value.text);
        case Kind::dict:
            return dict(entries(value));
        default: {
            std::vector<std::string> items;
            for (const PlainValue& item : value.items) items.push_back(TorchObjectWriter::value(item));
            if (value.kind == Kind::list) return list(items);
            std::string all;
            for (const std::string& item : items) all += item;
            return tuple(all);
        }
    }
}

TorchObjectWriter::Entries TorchObjectWriter::entries(const PlainValue& dict) {
    Entries entries;
    for (size_t i = 0; i < dict.items.size(); ++i) entries.emplace_back(dict.keys[i], value(dict.items[i]));
    return entries;
}

std::string TorchObjectWriter::dict(const Entries& entries) {
    std::string out = "}(";
    for (const auto& [key, pickled] : entries) out += pickle::text(key) + pickled;
    return out += "u";
}

std::string TorchObjectWriter::list(const std::vector<std::string>& items) {
    std::string out = "](";
    for (const std::string& item : items) out += item;
    return out += "e";
}

std::string TorchObjectWriter::tensor(DType dtype, const Shape& shape, Bytes bytes) {
    auto pickled = pickle::tensor(dtype, shape, contiguous_strides(shape), std::to_string(storages_.size()),
                                  dtype_bytes(dtype, uint64_t(element_count(shape))), 0);
    if (!pickled)
        throw Error(ErrorKind::argument, "torch.save",
                    "PyTorch cannot hold a tensor of type " + std::string(dtype_name(dtype)) + " by itself",
                    "convert it first");
    storages_.push_back(std::move(bytes));
    return *std::move(pickled);
}

std::string TorchObjectWriter::sparse(const MaskPtr& mask) {
    const Shape& shape = mask->shape();
    const int64_t kept = mask->kept(), sides = int64_t(shape.size());
    const auto places = [mask, kept, sides] {
        const Shape strides = contiguous_strides(mask->shape());
        std::vector<std::byte> bytes(size_t(kept * sides) * 8);
        auto* place = reinterpret_cast<int64_t*>(bytes.data());
        for (int64_t i = 0, n = 0; i < mask->size(); ++i) {
            if (!(*mask)[i]) continue;
            for (size_t d = 0; d < size_t(sides); ++d) place[int64_t(d) * kept + n] = i / strides[d] % mask->shape()[d];
            ++n;
        }
        return bytes;
    };
    std::string parts = tensor(DType::I64, {sides, kept}, places);
    parts += tensor(DType::I8, {kept}, [kept] { return std::vector<std::byte>(size_t(kept), std::byte(1)); });
    parts += pickle::global("torch", "Size") + tuple(value(PlainValue::tuple_of(shape))) + reduce;
    parts += value(PlainValue::of(true));  // coalesced: in order, none twice
    return pickle::global("torch._utils", "_rebuild_sparse_tensor") +
           tuple(pickle::global("torch.serialization", "_get_layout") + tuple(pickle::text("torch.sparse_coo")) +
                 reduce + tuple(parts)) +
           reduce;
}

void TorchObjectWriter::write(const std::string& root, const std::filesystem::path& path, Progress& progress) const {
    std::vector<std::string> keys;
    for (size_t i = 0; i < storages_.size(); ++i) keys.push_back(std::to_string(i));
    OutputFile file(path);
    progress.begin("Writing the state", 0, "B");
    ByteWriter writer(file.temporary(), path, progress);
    std::vector<std::byte> bytes;
    write_torch_archive(
        "\x80\x02" + root + stop, keys,
        [&](size_t i) -> std::span<const std::byte> {
            bytes = storages_[i]();
            return bytes;
        },
        writer);
    writer.close();
    file.commit();
}

}  // namespace lacuna
