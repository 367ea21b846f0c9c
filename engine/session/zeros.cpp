#include "engine/session/zeros.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/mask/nonzero.h"

namespace lacuna {
namespace {

constexpr int64_t chunk_elements = int64_t(1) << 18;  // a multiple of the 64 weights in a mask's word
constexpr int64_t run_elements = 4096;

/// Zeros among elements [begin, end); `begin` is a multiple of 64.
int64_t zeros_in(const TensorView& view, ZeroTest test, const Mask* mask, int64_t begin, int64_t end) {
    std::array<uint64_t, size_t(run_elements / 64)> words;
    int64_t zeros = 0;
    for (int64_t run = begin; run < end; run += run_elements) {
        const int64_t count = std::min(run_elements, end - run);
        nonzero_words(view, test, run, run + count, words.data());
        zeros += count;
        for (int64_t i = 0; i * 64 < count; ++i)
            zeros -= std::popcount(mask ? words[size_t(i)] & mask->words()[size_t(run / 64 + i)] : words[size_t(i)]);
    }
    return zeros;
}

}  // namespace

std::optional<int64_t> count_zeros(const TensorView& tensor, const Mask* mask, const CancelToken& token) {
    if (mask && mask->shape() != tensor.shape)
        throw Error(
            ErrorKind::argument, "",
            "a mask of shape " + to_string(mask->shape()) + " does not fit a tensor of " + to_string(tensor.shape),
            "give a mask of the tensor's shape");
    const auto test = zero_test(tensor.dtype);
    if (!test) return std::nullopt;
    const int64_t elements = tensor.elements();
    std::vector<int64_t> counts(size_t((elements + chunk_elements - 1) / chunk_elements));
    parallel_for(elements, chunk_elements, [&](int64_t begin, int64_t end) {
        if (!token.cancelled()) counts[size_t(begin / chunk_elements)] = zeros_in(tensor, *test, mask, begin, end);
    });
    int64_t zeros = 0;
    for (const int64_t count : counts) zeros += count;
    return zeros;
}

}  // namespace lacuna
