#include "engine/session/activations_file.h"

#include <charconv>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/formats/formats.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/session/calibration.h"

namespace lacuna {
namespace {

const std::string rows_key = "rows.", dim_key = "weight_dim.";

/// A count from the metadata; `absent` where there is none. Throws Error(format).
int64_t number_in(const Checkpoint& file, const std::string& key, int64_t absent) {
    const auto found = file.metadata().find(key);
    if (found == file.metadata().end()) return absent;
    int64_t number = -1;
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0)
        throw Error(ErrorKind::format, file.path().string(), "its metadata's " + key + " is no count",
                    "leave it out, or give a file that lacuna-cli calibrate wrote");
    return number;
}

}  // namespace

void write_activations(const ActivationSet& activations, const std::filesystem::path& path, Progress& progress) {
    std::vector<SafetensorsEntry> entries;
    std::vector<const Activations*> in_order;
    std::map<std::string, std::string> metadata;
    uint64_t bytes = 0;
    for (const auto& [name, seen] : activations) {
        entries.push_back({name, DType::F64, {int64_t(seen->squares.size())}});
        in_order.push_back(seen.get());
        metadata[rows_key + name] = std::to_string(seen->rows);
        metadata[dim_key + name] = std::to_string(seen->weight_dim);
        bytes += seen->squares.size() * sizeof(double);
    }
    OutputFile file(path);
    progress.begin("Writing activations", bytes, "B");
    ByteWriter writer(file.temporary(), path, progress);
    const auto bytes_of = [&](size_t i, std::vector<std::byte>&) {
        return std::as_bytes(std::span(in_order[i]->squares));
    };
    write_safetensors(entries, metadata, bytes_of, writer);
    writer.close();
    file.commit();
}

ActivationSet read_activations(const std::filesystem::path& path) {
    const CheckpointPtr file = open_checkpoint(path);
    ActivationSet activations;
    uint64_t sums = 0;
    for (size_t i = 0; i < file->tensors().size(); ++i) {
        const TensorInfo& info = file->tensors()[i];
        if (!is_floating(info.dtype) || info.shape.size() != 1)
            throw Error(ErrorKind::format, path.string(),
                        info.name + " is " + std::string(dtype_name(info.dtype)) + " of shape " +
                            to_string(info.shape) + ", not a vector of floating numbers",
                        "give each weight's FQN the sum of squares of each of its input features");
        sums += uint64_t(info.elements());
        if (sums > file->file_bytes())
            throw Error(ErrorKind::format, path.string(), info.name + " repeats what lies in the file beyond any use",
                        "give a file that lacuna-cli calibrate wrote");
        auto seen = std::make_shared<Activations>();
        seen->rows = number_in(*file, rows_key + info.name, 0);
        seen->weight_dim = number_in(*file, dim_key + info.name, 1);
        if (seen->weight_dim > 1)
            throw Error(ErrorKind::format, path.string(), dim_key + info.name + " is neither 0 nor 1",
                        "give a file that lacuna-cli calibrate wrote");
        seen->squares.resize(size_t(info.elements()));
        read_as_double(file->view(i), 0, info.elements(), seen->squares.data());
        if (!are_sums_of_squares(*seen))
            throw Error(ErrorKind::format, path.string(), info.name + " holds sums that are negative or not finite",
                        finite_hint);
        activations.emplace(info.name, std::move(seen));
    }
    return activations;
}

}  // namespace lacuna
