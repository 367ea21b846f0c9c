#pragma once

#include <span>
#include <vector>

#include "engine/formats/byte_writer.h"
#include "engine/formats/tensor_facts.h"
#include "engine/mask/mask.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// Writes tensors that fill their storages, pruned, one behind the other: pieces of large ones and many small ones at a
/// time go through all threads, which read them where they lie, notice what they are and write them.
class PieceWriter {
  public:
    PieceWriter(const Checkpoint& checkpoint, ByteWriter& out) : checkpoint_(checkpoint), out_(out) {}

    /// The next tensor, in row-major order in its storage; `mask`, if there is one, must outlive this.
    void add(size_t index, const Mask* mask);
    /// A mask that the file holds: `mask`, of its shape, is written in its stead.
    void add_saved(size_t index, MaskPtr mask);
    /// Writes them all and lets go of what was read. Throws Error(file), Cancelled.
    void write();
    /// What the i-th tensor was, once it is written.
    TensorFacts facts(size_t i) const { return parts_[i].facts.facts(); }

  private:
    struct Part {
        const TensorInfo* tensor;
        const std::byte* data;
        const Mask* mask;
        MaskPtr saved;  ///< what is written instead of the tensor; null: the tensor is
        FactsOfPieces facts;
        bool changes() const { return mask || saved; }
    };
    /// A piece of a part, and where it goes.
    struct Piece {
        size_t part;
        int64_t number;
        const std::byte* data;
        uint64_t bytes, place;
    };
    /// Neighbours in the file that one thread writes at once.
    using Chunk = std::span<const Piece>;

    void add(size_t index, const Mask* mask, MaskPtr saved);
    std::vector<Chunk> chunks() const;
    void write_chunk(Chunk chunk, std::vector<std::byte>& room);
    void prune(const Part& part, const Piece& piece, std::byte* out) const;
    static uint64_t bytes_of(Chunk chunk);

    const Checkpoint& checkpoint_;
    ByteWriter& out_;
    std::vector<Part> parts_;
    std::vector<Piece> pieces_;
};

/// Throws that a mask was not laid on as it should have been.
[[noreturn]] void refuse_squashed(const TensorInfo& tensor);

}  // namespace lacuna
