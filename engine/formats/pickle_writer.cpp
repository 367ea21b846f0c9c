#include "engine/formats/pickle_writer.h"

#include <utility>

namespace lacuna {
namespace {

constexpr std::string_view mark = "(", tuple = "t", reduce = "R", persistent = "Q", no = "\x89", empty_tuple = ")",
                           set_items = "u", stop = ".";

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
    return out += tuple;
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

StateDictPickle::StateDictPickle() : out_("\x80\x02") {
    out_ += ordered_dict();
    out_ += mark;
}

bool StateDictPickle::add(std::string_view name, DType dtype, const Shape& shape, const Shape& strides,
                          std::string_view key, uint64_t storage_bytes, uint64_t offset) {
    const std::string_view torch_name = torch_dtype_name(dtype);
    if (torch_name.empty() || needs_more_than_numbers(dtype)) return false;
    const std::string_view known_class = storage_class(dtype);
    const bool untyped = known_class.empty();
    const uint64_t count = untyped ? storage_bytes : storage_bytes / (uint64_t(dtype_bits(dtype)) / 8);
    out_ += pickle::text(name);
    out_ += pickle::global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    out_ += mark;
    out_ += mark;
    out_ += pickle::text("storage");
    out_ += untyped ? pickle::global("torch.storage", "UntypedStorage") : pickle::global("torch", known_class);
    out_ += pickle::text(key) + pickle::text("cpu") + pickle::integer(int64_t(count));
    out_ += tuple;
    out_ += persistent;
    out_ += pickle::integer(int64_t(offset)) + integers(shape) + integers(strides);
    out_ += no;  // requires_grad
    out_ += ordered_dict();
    if (untyped) out_ += pickle::global("torch", torch_name);
    out_ += tuple;
    out_ += reduce;
    return true;
}

std::string StateDictPickle::finish() && {
    out_ += set_items;
    out_ += stop;
    return std::move(out_);
}

}  // namespace lacuna
