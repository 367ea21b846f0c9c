#include "engine/formats/piece_writer.h"

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/kernels/select_mask.h"
#include "engine/mask/mask_values.h"

namespace lacuna {
namespace {

constexpr uint64_t chunk_bytes = uint64_t(1) << 20;
constexpr size_t chunks_a_batch = 32;  // written between two reports of what is done

}  // namespace

uint64_t PieceWriter::bytes_of(Chunk chunk) {
    return chunk.back().place + chunk.back().bytes - chunk.front().place;
}

void PieceWriter::add(size_t index, const Mask* mask) {
    add(index, mask, nullptr);
}

void PieceWriter::add_saved(size_t index, MaskPtr mask) {
    add(index, nullptr, std::move(mask));
}

void PieceWriter::add(size_t index, const Mask* mask, MaskPtr saved) {
    const TensorInfo& tensor = checkpoint_.tensors()[index];
    const StorageInfo& storage = checkpoint_.storages()[tensor.storage];
    parts_.push_back({&tensor, storage.data, mask, std::move(saved), FactsOfPieces(tensor.dtype, storage.bytes)});
    const FactsOfPieces& facts = parts_.back().facts;
    const uint64_t place = out_.skip(storage.bytes);
    for (int64_t i = 0; i < facts.pieces(); ++i)
        pieces_.push_back(
            {parts_.size() - 1, i, storage.data + facts.begin_of(i), facts.bytes_of(i), place + facts.begin_of(i)});
}

std::vector<PieceWriter::Chunk> PieceWriter::chunks() const {
    std::vector<Chunk> chunks;
    for (size_t first = 0, last = 0; first < pieces_.size(); first = last) {
        uint64_t bytes = 0;
        while (last < pieces_.size() && (last == first || bytes + pieces_[last].bytes <= chunk_bytes))
            bytes += pieces_[last++].bytes;
        chunks.push_back(Chunk(pieces_).subspan(first, last - first));
    }
    return chunks;
}

void PieceWriter::write() {
    const std::vector<Chunk> all = chunks();
    for (size_t first = 0; first < all.size(); first += chunks_a_batch) {
        const auto batch = std::span(all).subspan(first, std::min(chunks_a_batch, all.size() - first));
        parallel_for(int64_t(batch.size()), 1, [&](int64_t begin, int64_t end) {
            thread_local std::vector<std::byte> room;
            for (int64_t i = begin; i < end; ++i) write_chunk(batch[size_t(i)], room);
        });
        std::vector<std::span<const std::byte>> read;
        for (const Chunk chunk : batch)
            for (const Piece& piece : chunk) read.emplace_back(piece.data, piece.bytes);
        release_neighbours(checkpoint_, read);
        for (const Chunk chunk : batch) out_.written(bytes_of(chunk));
    }
}

void PieceWriter::write_chunk(Chunk chunk, std::vector<std::byte>& room) {
    std::span<const std::byte> bytes(chunk.front().data, chunk.front().bytes);
    const bool as_it_is = chunk.size() == 1 && !parts_[chunk.front().part].changes();
    if (!as_it_is) {
        room.resize(std::max<size_t>(room.size(), bytes_of(chunk)));
        bytes = std::span(room).first(bytes_of(chunk));
    }
    for (const Piece& piece : chunk) {
        const uint64_t begin = piece.place - chunk.front().place;
        Part& part = parts_[piece.part];
        if (!as_it_is) prune(part, piece, room.data() + begin);
        part.facts.add(piece.number, bytes.subspan(begin, piece.bytes));
    }
    out_.write_at(chunk.front().place, bytes);
}

void PieceWriter::prune(const Part& part, const Piece& piece, std::byte* out) const {
    const int64_t first = piece.number * FactsOfPieces::elements_a_piece;
    if (part.saved) return write_mask_values(*part.saved, part.tensor->dtype, first, {out, piece.bytes});
    if (!part.mask) {
        std::memcpy(out, piece.data, piece.bytes);
        return;
    }
    const DType dtype = part.tensor->dtype;
    const int element = dtype_bits(dtype) / 8;
    const uint64_t* words = part.mask->words().data() + first / 64;
    kernels::select_mask(piece.data, words, int64_t(piece.bytes) / element, element, out);
    if (!pruned_are_zero(dtype, {out, piece.bytes}, words)) refuse_squashed(*part.tensor);
}

void refuse_squashed(const TensorInfo& tensor) {
    throw Error(ErrorKind::file, tensor.name, "lacks zeros that its mask asks for",
                "nothing was kept; please report this");
}

}  // namespace lacuna
