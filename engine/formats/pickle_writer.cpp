#include "engine/formats/pickle_writer.h"

#include <bit>
#include <utility>

namespace lacuna {
namespace {

constexpr std::string_view mark = "(", close_tuple = "t", reduce = "R", persistent = "Q", no = "\x89",
                           empty_tuple = ")", set_items = "u", stop = ".";

std::string little_endian(uint64_t value, int width) {
    std::string bytes;
    for (int i = 0; i < width; ++i) bytes += char(value >> (8 * i) & 0xff);
    return bytes;
}

/// The storage class that rebuilds tensors of a type; empty for types that came later and use untyped storages.
std::string_view storage_class(DType dtype) {
    switch (dtype) {
        case DType::F64:
            return "DoubleStorage";
        case DType::F32:
            return "FloatStorage";
        case DType::F16:
            return "HalfStorage";
        case DType::BF16:
            return "BFloat16Storage";
        case DType::I64:
            return "LongStorage";
        case DType::I32:
            return "IntStorage";
        case DType::I16:
            return "ShortStorage";
        case DType::I8:
            return "CharStorage";
        case DType::U8:
            return "ByteStorage";
        case DType::BOOL:
            return "BoolStorage";
        case DType::C64:
            return "ComplexFloatStorage";
        case DType::C128:
            return "ComplexDoubleStorage";
        default:
            return "";
    }
}

bool needs_more_than_numbers(DType dtype) {
    return dtype == DType::QI8 || dtype == DType::QU8 || dtype == DType::QI32;
}

std::string integers(const Shape& numbers) {
    std::string out(mark);
    for (const int64_t number : numbers) out += pickle::integer(number);
    return out += close_tuple;
}

std::string ordered_dict() {
    return pickle::global("collections", "OrderedDict") + std::string(empty_tuple) + std::string(reduce);
}

}  // namespace

std::string pickle::text(std::string_view value) {
    return "X" + little_endian(value.size(), 4) + std::string(value);
}

std::string pickle::integer(int64_t value) {
    if (value >= 0 && value < 256) return "K" + little_endian(uint64_t(value), 1);
    if (value >= 0 && value < 65536) return "M" + little_endian(uint64_t(value), 2);
    if (value == int32_t(value)) return "J" + little_endian(uint64_t(value), 4);
    return std::string("\x8a\x08") + little_endian(uint64_t(value), 8);
}

std::string pickle::global(std::string_view module, std::string_view name) {
    return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}

std::string pickle::real(double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    std::string out = "G";
    for (int shift = 56; shift >= 0; shift -= 8) out += char(bits >> shift & 0xff);
    return out;
}

std::optional<std::string> pickle::tensor(DType dtype, const Shape& shape, const Shape& strides, std::string_view key,
                                          uint64_t storage_bytes, uint64_t offset) {
    const std::string_view torch_name = torch_dtype_name(dtype);
    if (torch_name.empty() || needs_more_than_numbers(dtype)) return std::nullopt;
    const std::string_view known_class = storage_class(dtype);
    const bool untyped = known_class.empty();
    const uint64_t count = untyped ? storage_bytes : storage_bytes / (uint64_t(dtype_bits(dtype)) / 8);
    std::string out = global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    out += mark;
    out += mark;
    out += text("storage");
    out += untyped ? global("torch.storage", "UntypedStorage") : global("torch", known_class);
    out += text(key) + text("cpu") + integer(int64_t(count));
    out += close_tuple;
    out += persistent;
    out += integer(int64_t(offset)) + integers(shape) + integers(strides);
    out += no;  // requires_grad
    out += ordered_dict();
    if (untyped) out += global("torch", torch_name);
    out += close_tuple;
    out += reduce;
    return out;
}

StateDictPickle::StateDictPickle() : out_("\x80\x02") {
    out_ += ordered_dict();
    out_ += mark;
}

bool StateDictPickle::add(std::string_view name, DType dtype, const Shape& shape, const Shape& strides,
                          std::string_view key, uint64_t storage_bytes, uint64_t offset) {
    const auto tensor = pickle::tensor(dtype, shape, strides, key, storage_bytes, offset);
    if (!tensor) return false;
    out_ += pickle::text(name) + *tensor;
    return true;
}

std::string StateDictPickle::finish() && {
    out_ += set_items;
    out_ += stop;
    return std::move(out_);
}

}  // namespace lacuna
