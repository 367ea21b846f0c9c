#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// What kind of file a checkpoint came from, told by its content and never by its name.
enum class Format { safetensors, safetensors_sharded, torch_zip, torch_legacy, torchscript };

/// "safetensors", "safetensors-sharded", "torch-zip", "torch-legacy", "torchscript": in reports and for `--format`.
std::string_view format_name(Format format);
std::optional<Format> format_from_name(std::string_view name);

/// What is known of a tensor's part in its model. Plain dictionaries of tensors do not say: `unknown`.
enum class TensorRole : uint8_t { unknown, parameter, buffer };

/// A run of bytes in one of the checkpoint's files that tensors are views of. Tied weights share one.
struct StorageInfo {
    const std::byte* data = nullptr;  ///< mapped; nothing is read until somebody looks
    uint64_t bytes = 0;
};

/// One named tensor. Everything here comes from headers; no tensor data was read.
struct TensorInfo {
    std::string name;  ///< the tensor FQN
    DType dtype = DType::F32;
    Shape shape;
    Shape strides;         ///< in elements
    uint64_t storage = 0;  ///< index into Checkpoint::storages()
    uint64_t offset = 0;   ///< bytes from the storage's start
    TensorRole role = TensorRole::unknown;

    int64_t elements() const { return element_count(shape); }
    uint64_t bytes() const { return dtype_bytes(dtype, uint64_t(elements())); }
};

/// True for names under a key that begins with "optimizer" (`optimizer.state.0.exp_avg`) or under "sparsifier.state"
/// (its masks): training state, no weights.
bool in_training_state(std::string_view name);
/// Whether a tensor counts as a parameter: neither a known buffer nor optimizer state.
bool is_parameter(const TensorInfo& tensor);

/// A layer's class where the file says it: TorchScript's and pickled modules' types ("Linear", "Conv2d").
struct LayerInfo {
    std::string fqn;  ///< "" is the root
    std::string type;
};

/// Named tensors in a file or a set of shard files, opened without copying. Immutable; any thread may read it.
/// Subclasses, one a format, keep the mapping and whatever the writer of that format needs.
class Checkpoint {
  public:
    virtual ~Checkpoint() = default;
    Checkpoint(const Checkpoint&) = delete;
    Checkpoint& operator=(const Checkpoint&) = delete;

    Format format() const { return format_; }
    const std::filesystem::path& path() const { return path_; }
    /// The files it consists of: one, or the index and its shards.
    const std::vector<std::filesystem::path>& files() const { return files_; }
    uint64_t file_bytes() const { return file_bytes_; }                  ///< of all files together
    const std::vector<TensorInfo>& tensors() const { return tensors_; }  ///< in the file's order
    const std::vector<StorageInfo>& storages() const { return storages_; }
    const std::vector<LayerInfo>& layers() const { return layers_; }  ///< empty where the file does not say
    const std::map<std::string, std::string>& metadata() const { return metadata_; }  ///< safetensors' __metadata__
    /// What was met and left alone, in words, e.g. "skipped 3 objects of class chemprop.nn.metrics.MSE".
    const std::vector<std::string>& notes() const { return notes_; }
    bool runnable() const { return format_ == Format::torchscript; }

    /// Index of the tensor called `name`, if there is one.
    std::optional<size_t> find(std::string_view name) const;
    /// The tensor where it lies in the file; valid as long as this checkpoint lives.
    TensorView view(size_t index) const;
    /// The masks that the file itself holds for a prepared tensor (prepared_names.h), whether they fit or not; usually
    /// none. They are buffers: nothing prunes them.
    std::vector<size_t> saved_masks(size_t tensor) const;
    /// The tensor that tensor `index` is a saved mask of, if it is one.
    std::optional<size_t> mask_of(size_t index) const;
    /// The tensor's name in the model before that was prepared: "fc.weight" of "fc.parametrizations.weight.original",
    /// and of "fc.weight_orig" where its mask is there too. Its own name for every other tensor.
    std::string plain_name(size_t index) const;
    /// The prepared tensors that are called `plain` in the model before that was prepared, in order: one, if any.
    std::vector<size_t> prepared(std::string_view plain) const;
    /// Parameters: elements of all tensors but known buffers and optimizer state.
    int64_t parameters() const;

  protected:
    Checkpoint() = default;
    /// To be called at the end of a subclass' constructor: indexes names and finds saved masks. Throws Error(format) on
    /// two equal names.
    void finish();

    Format format_ = Format::safetensors;
    std::filesystem::path path_;
    std::vector<std::filesystem::path> files_;
    uint64_t file_bytes_ = 0;
    std::vector<TensorInfo> tensors_;
    std::vector<StorageInfo> storages_;
    std::vector<LayerInfo> layers_;
    std::map<std::string, std::string> metadata_;
    std::vector<std::string> notes_;

  private:
    void find_saved_masks();
    void find_prepared();

    std::unordered_map<std::string_view, size_t> by_name_;
    std::multimap<size_t, size_t> saved_masks_;                 ///< by tensor
    std::multimap<std::string, size_t, std::less<>> prepared_;  ///< by plain name
};

using CheckpointPtr = std::shared_ptr<const Checkpoint>;

}  // namespace lacuna
