#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "engine/formats/file_checkpoint.h"

namespace lacuna {

/// What a safetensors header says, in the header's order.
struct SafetensorsHeader {
    std::vector<TensorInfo> tensors;  ///< `offset` counts from the start of the data; `storage` is the tensor's index
    std::map<std::string, std::string> metadata;
    uint64_t data_start = 0;  ///< bytes from the file's start
};

/// Reads and checks the header of a safetensors file: tensors must cover the data without overlap or hole, each with
/// as many bytes as its dtype and shape need. `where` names the file in errors. Throws Error(format).
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, const std::string& where);

/// True for bytes that begin like a safetensors file: a length, then a JSON object.
bool looks_like_safetensors(std::span<const std::byte> file);

/// One safetensors file; every tensor has a storage of its own.
class SafetensorsCheckpoint : public FileCheckpoint {
  public:
    explicit SafetensorsCheckpoint(MappedFilePtr file);
    void write_own(PrunedStorages& pruned, ByteWriter& out) const override;
};

/// Writes any checkpoint as one safetensors file: every tensor contiguous, in the checkpoint's order.
void write_as_safetensors(PrunedStorages& pruned, ByteWriter& out);

/// Shards named by an index (`model.safetensors.index.json`), in the order of its weight_map.
class ShardedCheckpoint : public FileCheckpoint {
  public:
    /// Opens every shard and checks that each tensor of the weight_map is in its shard. Throws Error(format) for an
    /// index that names shards outside its folder, Error(file) for a shard that is not there.
    explicit ShardedCheckpoint(MappedFilePtr index);

    /// What the index calls the shards; mapped()[0] is the index, mapped()[i + 1] is shard i.
    const std::vector<std::string>& shard_names() const { return shard_names_; }
    /// The shard that a tensor lies in.
    size_t shard_of(size_t tensor) const { return shard_of_[tensor]; }
    /// One file: the shards merged.
    void write_own(PrunedStorages& pruned, ByteWriter& out) const override;

  private:
    std::vector<std::string> shard_names_;
    std::vector<size_t> shard_of_;  // by tensor
};

}  // namespace lacuna
