#include "engine/tensor/tensor_view.h"

#include <cstring>

#include "engine/base/error.h"
#include "engine/tensor/runs.h"
#include "engine/tensor/small_floats.h"

namespace lacuna {
namespace {

/// Reads one element of type T that need not be aligned.
template <class T>
T load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

/// Converts elements [begin, end), `Size` bytes each: `decode(const std::byte*)` gives the value of the element at an
/// address. Size and decode are known to the compiler, so that contiguous runs vectorise.
template <int64_t Size, class Out, class Decode>
void convert(const TensorView& view, int64_t begin, int64_t end, Out* out, Decode decode) {
    for_each_run(view.shape, view.strides, begin, end, [&](int64_t offset, int64_t stride, int64_t count) {
        const std::byte* from = view.data + offset * Size;
        if (stride == 1) {
            for (int64_t i = 0; i < count; ++i) out[i] = Out(decode(from + i * Size));
        } else {
            for (int64_t i = 0; i < count; ++i) out[i] = Out(decode(from + i * stride * Size));
        }
        out += count;
    });
}

template <class T, class Out>
void convert_number(const TensorView& view, int64_t begin, int64_t end, Out* out) {
    convert<sizeof(T)>(view, begin, end, out, [](const std::byte* at) { return load<T>(at); });
}

template <class Out>
void convert_float8(const TensorView& view, int64_t begin, int64_t end, Out* out,
                    const std::array<float, 256>& values) {
    convert<1>(view, begin, end, out, [&values](const std::byte* at) { return values[size_t(*at)]; });
}

template <class Out>
void read_as(const TensorView& view, int64_t begin, int64_t end, Out* out) {
    switch (view.dtype) {
        case DType::F64:
            return convert_number<double>(view, begin, end, out);
        case DType::F32:
            return convert_number<float>(view, begin, end, out);
        case DType::F16:
            return convert<2>(view, begin, end, out,
                              [](const std::byte* at) { return half_to_float(load<uint16_t>(at)); });
        case DType::BF16:
            return convert<2>(view, begin, end, out,
                              [](const std::byte* at) { return bfloat16_to_float(load<uint16_t>(at)); });
        case DType::F8_E4M3:
            return convert_float8(view, begin, end, out, e4m3_values);
        case DType::F8_E5M2:
            return convert_float8(view, begin, end, out, e5m2_values);
        case DType::F8_E4M3FNUZ:
            return convert_float8(view, begin, end, out, e4m3fnuz_values);
        case DType::F8_E5M2FNUZ:
            return convert_float8(view, begin, end, out, e5m2fnuz_values);
        case DType::I64:
            return convert_number<int64_t>(view, begin, end, out);
        case DType::I32:
            return convert_number<int32_t>(view, begin, end, out);
        case DType::I16:
            return convert_number<int16_t>(view, begin, end, out);
        case DType::I8:
            return convert_number<int8_t>(view, begin, end, out);
        case DType::U8:
            return convert_number<uint8_t>(view, begin, end, out);
        case DType::BOOL:
            return convert<1>(view, begin, end, out, [](const std::byte* at) { return int(*at) != 0; });
        case DType::U64:
            return convert_number<uint64_t>(view, begin, end, out);
        case DType::U32:
            return convert_number<uint32_t>(view, begin, end, out);
        case DType::U16:
            return convert_number<uint16_t>(view, begin, end, out);
        default:
            break;
    }
    throw Error(ErrorKind::argument, "", "values of type " + std::string(dtype_name(view.dtype)) + " cannot be read",
                "only floating and integer tensors hold numbers that can be computed with");
}

template <size_t Size>
void copy_elements(const TensorView& view, std::byte* out) {
    for_each_run(view.shape, view.strides, 0, view.elements(), [&](int64_t offset, int64_t stride, int64_t count) {
        const std::byte* from = view.data + offset * int64_t(Size);
        if (stride == 1) {
            std::memcpy(out, from, size_t(count) * Size);
        } else {
            for (int64_t i = 0; i < count; ++i)
                std::memcpy(out + size_t(i) * Size, from + i * stride * int64_t(Size), Size);
        }
        out += size_t(count) * Size;
    });
}

}  // namespace

int64_t element_count(const Shape& shape) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    return count;
}

std::string to_string(const Shape& shape) {
    std::string text = "[";
    for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

Shape contiguous_strides(const Shape& shape) {
    Shape strides(shape.size(), 1);
    for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<int64_t>(shape[d], 1);
    return strides;
}

bool TensorView::contiguous() const {
    if (elements() == 0) return true;
    int64_t expected = 1;
    for (size_t d = shape.size(); d-- > 0;) {
        if (shape[d] != 1 && strides[d] != expected) return false;
        expected *= shape[d];
    }
    return true;
}

TensorView contiguous_view(const void* data, DType dtype, Shape shape) {
    Shape strides = contiguous_strides(shape);
    return {static_cast<const std::byte*>(data), dtype, std::move(shape), std::move(strides)};
}

std::vector<Extent> merged_extents(const Shape& shape, const Shape& strides) {
    std::vector<Extent> extents;  // innermost first while it is built
    for (size_t d = shape.size(); d-- > 0;) {
        if (shape[d] == 1) continue;
        if (!extents.empty() && strides[d] == extents.back().stride * extents.back().size)
            extents.back().size *= shape[d];
        else
            extents.push_back({shape[d], strides[d]});
    }
    if (extents.empty()) extents.push_back({});
    std::reverse(extents.begin(), extents.end());
    return extents;
}

void copy_contiguous(const TensorView& view, std::byte* out) {
    const int64_t count = view.elements();
    if (count == 0) return;
    if (view.contiguous()) {
        std::memcpy(out, view.data, dtype_bytes(view.dtype, uint64_t(count)));
        return;
    }
    switch (dtype_bits(view.dtype)) {
        case 8:
            return copy_elements<1>(view, out);
        case 16:
            return copy_elements<2>(view, out);
        case 32:
            return copy_elements<4>(view, out);
        case 64:
            return copy_elements<8>(view, out);
        case 128:
            return copy_elements<16>(view, out);
        default:
            break;
    }
    throw Error(ErrorKind::argument, "",
                "a strided tensor of type " + std::string(dtype_name(view.dtype)) + " cannot be copied",
                "its elements are smaller than a byte");
}

void read_as_float(const TensorView& view, int64_t begin, int64_t end, float* out) {
    read_as(view, begin, end, out);
}

void read_as_double(const TensorView& view, int64_t begin, int64_t end, double* out) {
    read_as(view, begin, end, out);
}

}  // namespace lacuna
