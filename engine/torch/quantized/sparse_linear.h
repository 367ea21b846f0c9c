#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/QEngine.h>

#include <memory>
#include <optional>

#include "engine/mask/mask.h"

namespace c10 {
struct IValue;
}

namespace lacuna {

/// A packed sparse weight as it lies in a file, the same for every engine: blocks in compressed rows (BCSR), blocks
/// that are all zero left out. LibTorch's BCSRSerializationType, version 2, with names.
struct SparseLinearFields {
    int64_t version = 2;
    std::optional<at::Tensor> bias;  ///< FLOAT (out)
    BlockShape block;
    at::Tensor scales;       ///< FLOAT (1) or (out)
    at::Tensor zero_points;  ///< CHAR (1) or (out)
    bool per_tensor = true;
    at::Tensor
        rows;  ///< blocks before each row of blocks, then all: (out / block.rows, rounded up, + 1); CHAR, SHORT or INT
    at::Tensor columns;  ///< each block's column of blocks; CHAR, SHORT or INT
    at::Tensor values;   ///< BYTE: the blocks' elements, row-major in the block, each +128
    int64_t out_features = 0, in_features = 0;
};

/// A quantised weight packed for LibTorch's sparse linear operators (sparse::qlinear_prepack and its kin;
/// docs/parity.md). Immutable and cheap to copy; copies share the packed weight. `run_dynamic` writes to the packed
/// weight's own scratch space, so one packed weight runs on one thread at a time there; everything else may be called
/// by several.
class SparseLinear {
  public:
    /// Packs a QINT8 weight (out, in), per tensor or per channel 0, and a FLOAT bias (out) for `engine`. Throws
    /// Error(missing) for an engine without sparse operators, Error(argument) for a block shape that it cannot compute
    /// with (all take 1×4; QNNPACK 8×1 where the processor's kernels do), another weight or another bias.
    static SparseLinear pack(const at::Tensor& weight, const std::optional<at::Tensor>& bias, BlockShape block,
                             c10::QEngine engine);
    /// From what `fields()` gave here or under another engine. Throws as `pack` does.
    static SparseLinear from_fields(const SparseLinearFields& fields, c10::QEngine engine);
    /// An object that a TorchScript module holds. Throws Error(argument) for one that is no packed sparse weight.
    explicit SparseLinear(const c10::IValue& object);

    struct Unpacked {
        at::Tensor weight;  ///< as it was packed: QINT8 (out, in)
        std::optional<at::Tensor> bias;
        BlockShape block;
    };
    Unpacked unpack() const;
    SparseLinearFields fields() const;

    /// sparse::qlinear and its form with ReLU: QUINT8 inputs (N…, in) give QUINT8 outputs (N…, out) of the given scale
    /// and zero point. Packed for FBGEMM only: Error(argument) otherwise, as for inputs of another type or width.
    at::Tensor run_static(const at::Tensor& input, double scale, int64_t zero_point, bool relu = false) const;
    /// sparse::qlinear_dynamic: FLOAT inputs (N…, in), whose range is measured and quantised to QUINT8, give FLOAT
    /// outputs (N…, out). Packed for QNNPACK only: Error(argument) otherwise, as for inputs of another type or width.
    at::Tensor run_dynamic(const at::Tensor& input) const;

    /// What a TorchScript attribute of type `__torch__.torch.classes.sparse.LinearPackedParamsBase` holds.
    const c10::IValue& object() const { return *object_; }

  private:
    void demand_input(const at::Tensor& input, at::ScalarType type) const;

    std::shared_ptr<const c10::IValue> object_;
    int64_t in_features_ = 0;
};

}  // namespace lacuna
