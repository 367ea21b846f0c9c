#include "engine/session/zeros.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna {
namespace {

constexpr int64_t chunk_elements = int64_t(1) << 18;  // a multiple of the 64 weights in a mask's word
constexpr int64_t run_elements = 2048;

enum class Reading { as_float, as_double, complex, none };

/// How a type's zeros are found. F64 and the wide integers would underflow or round in float32.
Reading reading_of(DType dtype) {
    switch (dtype) {
        case DType::F32:
        case DType::F16:
        case DType::BF16:
        case DType::F8_E4M3:
        case DType::F8_E5M2:
        case DType::F8_E4M3FNUZ:
        case DType::F8_E5M2FNUZ:
            return Reading::as_float;
        case DType::F64:
        case DType::I64:
        case DType::I32:
        case DType::I16:
        case DType::I8:
        case DType::U8:
        case DType::BOOL:
        case DType::U64:
        case DType::U32:
        case DType::U16:
            return Reading::as_double;
        case DType::C32:
        case DType::C64:
        case DType::C128:
            return Reading::complex;
        default:
            return Reading::none;
    }
}

/// A complex tensor as real and imaginary parts: one more dimension, of two.
TensorView parts_of(const TensorView& complex) {
    TensorView parts = complex;
    parts.dtype = complex.dtype == DType::C32 ? DType::F16 : complex.dtype == DType::C64 ? DType::F32 : DType::F64;
    for (int64_t& stride : parts.strides) stride *= 2;
    parts.shape.push_back(2);
    parts.strides.push_back(1);
    return parts;
}

void read(const TensorView& view, int64_t begin, int64_t end, float* out) {
    read_as_float(view, begin, end, out);
}
void read(const TensorView& view, int64_t begin, int64_t end, double* out) {
    read_as_double(view, begin, end, out);
}

/// Zeros among elements [begin, end), each made of `Parts` numbers of type T; `begin` is a multiple of 64.
template <class T, int Parts>
int64_t zeros_in(const TensorView& numbers, const Mask* mask, int64_t begin, int64_t end) {
    std::array<T, size_t(run_elements * Parts)> values;
    int64_t zeros = 0;
    for (int64_t run = begin; run < end; run += run_elements) {
        const int64_t run_end = std::min(end, run + run_elements);
        read(numbers, run * Parts, run_end * Parts, values.data());
        for (int64_t word = run; word < run_end; word += 64) {
            const int64_t count = std::min<int64_t>(64, run_end - word);
            const T* at = values.data() + (word - run) * Parts;
            uint64_t kept = 0;
            for (int64_t i = 0; i < count; ++i) {
                bool zero = true;
                for (int part = 0; part < Parts; ++part) zero = zero && at[i * Parts + part] == 0;
                kept |= uint64_t(!zero) << i;
            }
            if (mask) kept &= mask->words()[size_t(word >> 6)];
            zeros += count - std::popcount(kept);
        }
    }
    return zeros;
}

}  // namespace

std::optional<int64_t> count_zeros(const TensorView& tensor, const Mask* mask) {
    if (mask && mask->shape() != tensor.shape)
        throw Error(
            ErrorKind::argument, "",
            "a mask of shape " + to_string(mask->shape()) + " does not fit a tensor of " + to_string(tensor.shape),
            "give a mask of the tensor's shape");
    const Reading reading = reading_of(tensor.dtype);
    if (reading == Reading::none) return std::nullopt;
    const TensorView numbers = reading == Reading::complex ? parts_of(tensor) : tensor;
    const int64_t elements = tensor.elements();
    std::vector<int64_t> counts(size_t((elements + chunk_elements - 1) / chunk_elements));
    parallel_for(elements, chunk_elements, [&](int64_t begin, int64_t end) {
        const auto count = reading == Reading::complex    ? zeros_in<double, 2>
                           : reading == Reading::as_float ? zeros_in<float, 1>
                                                          : zeros_in<double, 1>;
        counts[size_t(begin / chunk_elements)] = count(numbers, mask, begin, end);
    });
    int64_t zeros = 0;
    for (const int64_t count : counts) zeros += count;
    return zeros;
}

}  // namespace lacuna
