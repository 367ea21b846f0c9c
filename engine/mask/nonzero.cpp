#include "engine/mask/nonzero.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/kernels/nonzero_bits.h"
#include "engine/tensor/runs.h"

namespace lacuna {
namespace {

constexpr int64_t gathered_elements = 1024;  // a multiple of the 64 in a word

void gather(const TensorView& view, size_t element, int64_t begin, int64_t end, std::byte* out) {
    for_each_run(view.shape, view.strides, begin, end, [&](int64_t offset, int64_t stride, int64_t count) {
        const std::byte* at = view.data + offset * int64_t(element);
        for (int64_t i = 0; i < count; ++i, out += element)
            std::memcpy(out, at + i * stride * int64_t(element), element);
    });
}

}  // namespace

std::optional<ZeroTest> zero_test(DType dtype) {
    const auto bytes = int(dtype_bits(dtype) / 8);
    switch (dtype) {
        case DType::F64:
        case DType::C128:
            return ZeroTest{bytes, 0x7fffffffffffffff};
        case DType::C64:
            return ZeroTest{bytes, 0x7fffffff7fffffff};
        case DType::F32:
            return ZeroTest{bytes, 0x7fffffff};
        case DType::C32:
            return ZeroTest{bytes, 0x7fff7fff};
        case DType::F16:
        case DType::BF16:
            return ZeroTest{bytes, 0x7fff};
        case DType::F8_E4M3:
        case DType::F8_E5M2:
            return ZeroTest{bytes, 0x7f};
        case DType::F8_E4M3FNUZ:  // these have no −0: its bits are NaN
        case DType::F8_E5M2FNUZ:
        case DType::I64:
        case DType::I32:
        case DType::I16:
        case DType::I8:
        case DType::U8:
        case DType::BOOL:
        case DType::U64:
        case DType::U32:
        case DType::U16:
            return ZeroTest{bytes, ~uint64_t(0)};
        default:
            return std::nullopt;
    }
}

void nonzero_words(const TensorView& view, ZeroTest test, int64_t begin, int64_t end, uint64_t* words) {
    const auto element = size_t(test.bytes);
    if (view.contiguous())
        return kernels::nonzero_bits(view.data + size_t(begin) * element, end - begin, test.bytes, test.significant,
                                     words);
    std::array<std::byte, size_t(gathered_elements) * 16> gathered;
    for (int64_t run = begin; run < end; run += gathered_elements, words += gathered_elements / 64) {
        const int64_t count = std::min(gathered_elements, end - run);
        gather(view, element, run, run + count, gathered.data());
        kernels::nonzero_bits(gathered.data(), count, test.bytes, test.significant, words);
    }
}

}  // namespace lacuna
