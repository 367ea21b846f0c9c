#include "engine/base/error.h"
#include "engine/formats/pickle_writer.h"
#include "engine/formats/torch_zip.h"
#include "engine/formats/zip_writer.h"

namespace lacuna {

void write_torch_archive(std::string_view pickle, const std::vector<std::string>& keys,
                         const std::function<std::span<const std::byte>(size_t)>& bytes_of, ByteWriter& out) {
    ZipWriter zip(out);
    zip.add("archive/data.pkl", pickle);
    zip.add("archive/byteorder", std::string_view("little"));
    for (size_t i = 0; i < keys.size(); ++i) zip.add("archive/data/" + keys[i], bytes_of(i));
    zip.add("archive/version", std::string_view("3\n"));
    zip.finish();
}

void write_as_torch_zip(PrunedStorages& pruned, ByteWriter& out) {
    const Checkpoint& source = pruned.checkpoint();
    StateDictPickle pickle;
    std::vector<std::string> keys;
    for (size_t i = 0; i < source.storages().size(); ++i) keys.push_back(std::to_string(i));
    for (const TensorInfo& tensor : source.tensors()) {
        const std::string type(dtype_name(tensor.dtype));
        const uint64_t unit = std::max(uint64_t(dtype_bits(tensor.dtype)) / 8, uint64_t(1));
        if (tensor.offset % unit != 0 ||
            !pickle.add(tensor.name, tensor.dtype, tensor.shape, tensor.strides, keys[tensor.storage],
                        source.storages()[tensor.storage].bytes, tensor.offset / unit))
            throw Error(ErrorKind::argument, tensor.name,
                        "is of type " + type + ", which torch-zip cannot hold by itself",
                        "export in the checkpoint's own format");
    }
    write_torch_archive(
        std::move(pickle).finish(), keys,
        [&](size_t i) {
            if (i > 0) release_storage(source, i - 1);
            return pruned.bytes(i);
        },
        out);
}

}  // namespace lacuna
