#pragma once

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/session/data_pruning.h"
#include "tests/support/problem_of.h"

namespace lacuna::testing_support {

/// Upstream's test sparsifier: prunes row 0.
class FirstRow final : public Sparsifier {
  public:
    std::string_view name() const override { return "first_row"; }
    std::string_view title() const override { return "First row"; }
    std::string_view help() const override { return "Prunes row 0."; }
    std::string_view source() const override { return "test_data_sparsifier.py"; }
    std::span<const OptionSpec> options() const override {
        static const OptionSpec spec{
            .name = "test", .type = OptionType::number, .help = "Nothing.", .default_value = 3.0, .maximum = 100};
        return {&spec, 1};
    }
    std::string why_not(const Shape& shape, DType) const override { return shape.empty() ? "has no rows" : ""; }
    void check(const Options& options, const Shape*) const override {
        if (options.number("test") == 99) throw Error(ErrorKind::argument, "test", "is 99", "give another");
    }
    Mask compute(const MaskRequest& request) const override {
        EXPECT_EQ(request.current->pruned(), 0) << request.name << ": originals are scored";
        Mask mask = Mask::ones(request.weight.shape);
        if (mask.size() > 0) mask.set_range(0, mask.size() / request.weight.shape[0], false);
        return mask;
    }
};

/// A tensor in memory of its own, filled with values that differ. `transposed`: its rows lie a column apart.
struct OwnedData {
    OwnedData(std::string its_name, DType dtype, Shape shape, bool transposed = false, uint32_t seed = 1)
        : name(std::move(its_name)), bytes(dtype_bytes(dtype, uint64_t(element_count(shape)))) {
        ref = data_ref(bytes.data(), dtype, std::move(shape));
        if (transposed) ref.strides = {1, ref.shape[0]};
        for (int64_t i = 0; i < ref.view().elements(); ++i) {
            seed = seed * 1664525 + 1013904223;
            set(i, 0.5f + float(seed >> 8) / 16777216.0f);
        }
    }
    OwnedData(OwnedData&&) = default;

    std::vector<float> values() const {
        std::vector<float> out(size_t(ref.view().elements()));
        read_as_float(ref.view(), 0, ref.view().elements(), out.data());
        return out;
    }
    /// Writes the i-th element in memory's order.
    void set(int64_t i, float value) {
        const double wide = value;
        uint32_t word = 0;
        std::memcpy(&word, &value, 4);
        const auto half = uint16_t(word >> 16);  // bfloat16
        if (ref.dtype == DType::F64) std::memcpy(ref.data + 8 * i, &wide, 8);
        if (ref.dtype == DType::F32) std::memcpy(ref.data + 4 * i, &value, 4);
        if (ref.dtype == DType::BF16) std::memcpy(ref.data + 2 * i, &half, 2);
    }

    std::string name;
    std::vector<std::byte> bytes;
    DataRef ref;
};

inline std::vector<float> floats(const std::vector<std::byte>& bytes, DType dtype) {
    const auto count = int64_t(bytes.size()) * 8 / dtype_bits(dtype);
    std::vector<float> out(static_cast<size_t>(count));
    read_as_float(contiguous_view(bytes.data(), dtype, {count}), 0, count, out.data());
    return out;
}

inline std::vector<float> masked(std::vector<float> values, const Mask& mask) {
    for (size_t i = 0; i < values.size(); ++i)
        if (!mask[int64_t(i)]) values[i] = 0;
    return values;
}

}  // namespace lacuna::testing_support
