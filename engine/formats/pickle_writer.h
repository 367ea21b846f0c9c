#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// Opcodes that push one value, for writers and rewriters of pickles (protocol 2).
namespace pickle {
std::string text(std::string_view value);
std::string integer(int64_t value);
std::string real(double value);
std::string global(std::string_view module, std::string_view name);
/// A tensor that lies in storage `key` of `storage_bytes` bytes, at `offset` elements. Nothing if PyTorch has no such
/// dtype or rebuilds it from more than numbers (quantised types).
std::optional<std::string> tensor(DType dtype, const Shape& shape, const Shape& strides, std::string_view key,
                                  uint64_t storage_bytes, uint64_t offset);
}  // namespace pickle

/// Writes the pickle of an OrderedDict of tensors as torch.save does, of nothing but what
/// torch.load(weights_only=True) takes.
class StateDictPickle {
  public:
    StateDictPickle();
    /// Adds what `pickle::tensor` makes; false if that is nothing.
    bool add(std::string_view name, DType dtype, const Shape& shape, const Shape& strides, std::string_view key,
             uint64_t storage_bytes, uint64_t offset);
    /// The whole pickle.
    std::string finish() &&;

  private:
    std::string out_;
};

}  // namespace lacuna
