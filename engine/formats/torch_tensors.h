#pragma once

#include <optional>

#include "engine/formats/pickle_graph.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// A part of a storage that goes by a key of its own; legacy files of the first years have them.
struct StorageView {
    std::string_view key;
    uint64_t offset = 0, count = 0;  ///< elements
};

/// A storage as a persistent id names it: ('storage', class, key, location, count[, view]).
struct StorageId {
    std::string_view key;
    std::optional<DType> dtype;  ///< of the class; nothing for UntypedStorage, whose count is of bytes
    uint64_t count = 0;          ///< elements
    std::optional<StorageView> view;

    uint64_t bytes_of(uint64_t elements) const { return dtype ? dtype_bytes(*dtype, elements) : elements; }
    uint64_t bytes() const { return bytes_of(count); }
};

/// A tensor as one of torch's rebuild functions describes it; sizes are checked against each other, not yet against
/// the storage.
struct PickledTensor {
    StorageId storage;
    TensorInfo info;  ///< without name and storage; `offset` is in bytes, from the start of the whole storage
};

/// Reads a persistent node; nothing if it is no storage of a known class.
std::optional<StorageId> storage_id(const PickleGraph& graph, PickleId id);

/// What a pickled object is, as far as tensors go.
enum class TensorKind { no_tensor, tensor, unreadable };

/// Reads an object that some rebuild function of torch would have made a dense tensor of: a tensor, a Parameter, a
/// quantised tensor, a subclass. `unreadable`: a tensor of a kind that has no plain storage (sparse, meta, nested).
/// `where` names the file in errors. Throws Error(format) for sizes that contradict each other.
TensorKind read_tensor(const PickleGraph& graph, PickleId id, const std::string& where, PickledTensor& out);

}  // namespace lacuna
