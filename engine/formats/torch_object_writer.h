#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/progress.h"
#include "engine/formats/plain_value.h"
#include "engine/mask/mask.h"

namespace lacuna {

/// Writes objects as torch.save does: dicts, plain values and tensors, and of Python nothing but what
/// torch.load(weights_only=True) takes. Parts are pickled from the inside out; the outermost goes to `write`.
class TorchObjectWriter {
  public:
    using Bytes = std::function<std::vector<std::byte>()>;
    using Entries = std::vector<std::pair<std::string, std::string>>;  ///< keys, and what was pickled for them

    static std::string value(const PlainValue& value);
    /// A plain dict's entries, to be joined by others.
    static Entries entries(const PlainValue& dict);
    static std::string dict(const Entries& entries);
    static std::string list(const std::vector<std::string>& items);
    /// A dense row-major tensor; `bytes` is called when the file is written. Throws Error(argument) for a type that
    /// PyTorch lacks or that needs more than numbers.
    std::string tensor(DType dtype, const Shape& shape, Bytes bytes);
    /// A mask as a sparse tensor in COO layout: places of what is kept and int8 ones.
    std::string sparse(const MaskPtr& mask);

    /// Writes the file, whole or not at all. Throws Error(file).
    void write(const std::string& root, const std::filesystem::path& path, Progress& progress) const;

  private:
    std::vector<Bytes> storages_;
};

}  // namespace lacuna
