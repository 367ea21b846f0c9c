#include "engine/mask/mask.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/popcount.h"
#include "engine/mask/nonzero.h"

namespace lacuna {
namespace {

constexpr int64_t words_a_chunk = 1 << 14;  // a million weights

template <typename Combine>
void combine(std::span<uint64_t> words, std::span<const uint64_t> other, Combine&& operation) {
    parallel_for(int64_t(words.size()), words_a_chunk, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) words[size_t(i)] = operation(words[size_t(i)], other[size_t(i)]);
    });
}

void demand_same_shape(const Mask& a, const Mask& b) {
    if (a.shape() != b.shape())
        throw Error(ErrorKind::argument, "mask",
                    "shapes " + to_string(a.shape()) + " and " + to_string(b.shape()) + " differ",
                    "combine masks of the same tensor");
}

void pack_bytes(const uint8_t* bytes, int64_t count, std::span<uint64_t> words) {
    parallel_for(int64_t(words.size()), words_a_chunk, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            words[size_t(i)] = kernels::pack(bytes + i * 64, std::min<int64_t>(64, count - i * 64));
    });
}

void pack_values(const TensorView& tensor, std::span<uint64_t> words) {
    const int64_t count = tensor.elements();
    const auto test = zero_test(tensor.dtype);
    if (!test)
        throw Error(ErrorKind::argument, "mask",
                    std::string(dtype_name(tensor.dtype)) + " elements cannot be told from zero",
                    "give a tensor of numbers");
    parallel_for(int64_t(words.size()), words_a_chunk, [&](int64_t begin, int64_t end) {
        nonzero_words(tensor, *test, begin * 64, std::min(end * 64, count), words.data() + begin);
    });
}

}  // namespace

Mask::Mask(Shape shape, uint64_t fill) : shape_(std::move(shape)), size_(element_count(shape_)) {
    words_.assign(size_t((size_ + 63) / 64), fill);
    clear_tail();
}

Mask Mask::ones(Shape shape) {
    return Mask(std::move(shape), ~uint64_t(0));
}

Mask Mask::zeros(Shape shape) {
    return Mask(std::move(shape), 0);
}

Mask Mask::from_bytes(Shape shape, std::span<const uint8_t> bytes) {
    Mask mask = zeros(std::move(shape));
    if (int64_t(bytes.size()) != mask.size_)
        throw Error(ErrorKind::argument, "mask",
                    std::to_string(bytes.size()) + " bytes for shape " + to_string(mask.shape_),
                    "give one byte for each of its " + std::to_string(mask.size_) + " weights");
    pack_bytes(bytes.data(), mask.size_, mask.words_);
    return mask;
}

Mask Mask::from_tensor(const TensorView& tensor) {
    Mask mask = zeros(tensor.shape);
    pack_values(tensor, mask.words_);
    return mask;
}

int64_t Mask::kept() const {
    return kernels::count_ones(words_.data(), int64_t(words_.size()));
}

double Mask::sparsity() const {
    return size_ > 0 ? double(pruned()) / double(size_) : 0;
}

void Mask::set(int64_t i, bool keep) {
    kernels::fill_bits(words_.data(), i, i + 1, keep);
}

void Mask::set_range(int64_t begin, int64_t end, bool keep) {
    kernels::fill_bits(words_.data(), begin, end, keep);
}

int64_t Mask::kept_in(int64_t begin, int64_t end) const {
    return kernels::count_bits(words_.data(), begin, end);
}

void Mask::clear_tail() {
    if (size_ % 64 != 0) words_.back() &= kernels::low_bits(size_ % 64);
}

void Mask::to_bytes(std::span<uint8_t> out) const {
    if (int64_t(out.size()) != size_)
        throw Error(ErrorKind::argument, "mask",
                    "room for " + std::to_string(out.size()) + " bytes, not " + std::to_string(size_));
    parallel_for(int64_t(words_.size()), words_a_chunk, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            kernels::unpack(words_[size_t(i)], out.data() + i * 64, std::min<int64_t>(64, size_ - i * 64));
    });
}

std::vector<uint8_t> Mask::to_bytes() const {
    std::vector<uint8_t> bytes(static_cast<size_t>(size_));
    to_bytes(bytes);
    return bytes;
}

Mask Mask::operator&(const Mask& other) const {
    demand_same_shape(*this, other);
    Mask result = *this;
    combine(result.words_, other.words_, [](uint64_t a, uint64_t b) { return a & b; });
    return result;
}

Mask Mask::operator|(const Mask& other) const {
    demand_same_shape(*this, other);
    Mask result = *this;
    combine(result.words_, other.words_, [](uint64_t a, uint64_t b) { return a | b; });
    return result;
}

Mask Mask::operator^(const Mask& other) const {
    demand_same_shape(*this, other);
    Mask result = *this;
    combine(result.words_, other.words_, [](uint64_t a, uint64_t b) { return a ^ b; });
    return result;
}

Mask Mask::operator-(const Mask& other) const {
    demand_same_shape(*this, other);
    Mask result = *this;
    combine(result.words_, other.words_, [](uint64_t a, uint64_t b) { return a & ~b; });
    return result;
}

Mask Mask::operator~() const {
    Mask result = *this;
    combine(result.words_, words_, [](uint64_t, uint64_t b) { return ~b; });
    result.clear_tail();
    return result;
}

}  // namespace lacuna
