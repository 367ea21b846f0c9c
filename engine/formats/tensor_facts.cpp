#include "engine/formats/tensor_facts.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>

#include "engine/base/parallel.h"
#include "engine/mask/nonzero.h"

namespace lacuna {
namespace {

constexpr int64_t pieces_a_batch = 64;  // between two reports of what is done

std::array<uint64_t, 2> hash_of(const void* bytes, size_t size) {
    const XXH128_hash_t hash = XXH3_128bits(bytes, size);
    return {hash.low64, hash.high64};
}

int64_t zeros_of(DType dtype, std::span<const std::byte> bytes) {
    const auto test = zero_test(dtype);
    if (!test) return 0;
    constexpr int64_t run = 4096;
    std::array<uint64_t, size_t(run / 64)> words;
    const int64_t count = int64_t(bytes.size()) / test->bytes;
    const TensorView view = contiguous_view(bytes.data(), dtype, {count});
    int64_t zeros = count;
    for (int64_t begin = 0; begin < count; begin += run) {
        const int64_t end = std::min(count, begin + run);
        nonzero_words(view, *test, begin, end, words.data());
        for (int64_t i = 0; i * 64 < end - begin; ++i) zeros -= std::popcount(words[size_t(i)]);
    }
    return zeros;
}

}  // namespace

FactsOfPieces::FactsOfPieces(DType dtype, uint64_t bytes)
    : dtype_(dtype), bytes_(bytes), piece_bytes_(std::max<uint64_t>(dtype_bytes(dtype, elements_a_piece), 1)) {
    hashes_.resize(size_t((bytes + piece_bytes_ - 1) / piece_bytes_));
    zeros_.resize(hashes_.size());
}

uint64_t FactsOfPieces::bytes_of(int64_t piece) const {
    return std::min(piece_bytes_, bytes_ - begin_of(piece));
}

void FactsOfPieces::add(int64_t piece, std::span<const std::byte> bytes) {
    hashes_[size_t(piece)] = hash_of(bytes.data(), bytes.size());
    zeros_[size_t(piece)] = zeros_of(dtype_, bytes);
}

TensorFacts FactsOfPieces::facts() const {
    TensorFacts facts{hash_of(hashes_.data(), hashes_.size() * sizeof hashes_[0]), 0};
    for (const int64_t zeros : zeros_) facts.zeros += zeros;
    return facts;
}

bool pruned_are_zero(DType dtype, std::span<const std::byte> bytes, const uint64_t* mask_words) {
    constexpr int64_t run = 4096;
    std::array<uint64_t, size_t(run / 64)> words;
    const ZeroTest all_bits{int(dtype_bits(dtype) / 8), ~uint64_t(0)};
    const int64_t count = int64_t(bytes.size()) / all_bits.bytes;
    const TensorView view = contiguous_view(bytes.data(), dtype, {count});
    uint64_t survivors = 0;
    for (int64_t begin = 0; begin < count; begin += run) {
        const int64_t end = std::min(count, begin + run);
        nonzero_words(view, all_bits, begin, end, words.data());
        for (int64_t i = 0; i * 64 < end - begin; ++i) survivors |= words[size_t(i)] & ~mask_words[begin / 64 + i];
    }
    return survivors == 0;
}

TensorFacts facts_of(DType dtype, std::span<const std::byte> bytes, const std::function<void(uint64_t bytes)>& done) {
    FactsOfPieces facts(dtype, bytes.size());
    for (int64_t first = 0; first < facts.pieces(); first += pieces_a_batch) {
        const int64_t last = std::min(facts.pieces(), first + pieces_a_batch);
        parallel_for(last - first, 1, [&](int64_t begin, int64_t end) {
            for (int64_t piece = first + begin; piece < first + end; ++piece)
                facts.add(piece, bytes.subspan(size_t(facts.begin_of(piece)), size_t(facts.bytes_of(piece))));
        });
        if (done) done(facts.begin_of(last - 1) + facts.bytes_of(last - 1) - facts.begin_of(first));
    }
    return facts.facts();
}

}  // namespace lacuna
