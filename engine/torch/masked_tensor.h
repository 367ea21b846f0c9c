#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/mask/mask.h"

namespace lacuna {

/// FakeSparsity on one tensor of a live module (docs/parity.md). C++ modules have no parametrisation to slip a mask
/// into, so the tensor itself holds masked values (pruned ones are +0) and the original is kept here. It stays the same
/// tensor: optimizers, tied weights and the module's own state see the masked values; a gradient that reaches it is
/// masked too. The original comes back when this object goes, unless it was squashed.
class MaskedTensor {
  public:
    /// Takes `tensor` over and lays `mask` on it; the shapes are equal and `is_masked(tensor)` is false. `fqn` is for
    /// errors.
    MaskedTensor(std::string fqn, at::Tensor tensor, MaskPtr mask);
    ~MaskedTensor();
    MaskedTensor(const MaskedTensor&) = delete;
    MaskedTensor& operator=(const MaskedTensor&) = delete;

    /// Whether some MaskedTensor holds this tensor now: one mask, one owner.
    static bool is_masked(const at::Tensor& tensor);

    const at::Tensor& tensor() const { return tensor_; }
    const MaskPtr& mask() const { return mask_; }
    /// The values without the mask, in the tensor's present dtype and device, changes of the kept weights included.
    /// Throws Error(state) if the tensor has got another shape.
    const at::Tensor& original();
    /// Gives the original other values (the same shape; converted to the tensor's dtype), seen through the mask at
    /// once.
    void set_original(const at::Tensor& values);
    /// Lays another mask on; weights that it keeps again get their original values back.
    void set_mask(MaskPtr mask);
    /// To be called after somebody wrote to the tensor (an optimizer's step): what was added to pruned weights goes to
    /// the original, as it does where the original is what is trained, and they read +0 again.
    void refresh();
    /// Makes the mask permanent: the tensor stays masked and the original is forgotten.
    void squash();

  private:
    void collect();  ///< brings the original up to date with what was written to the tensor; `write` must follow
    void hold_gradient();
    void write();
    void release();

    std::string fqn_;
    at::Tensor tensor_, original_;
    MaskPtr mask_;
    std::shared_ptr<at::Tensor> keep_;  ///< the mask as BOOL; shared with the gradient's hook
    std::optional<unsigned> hook_;
};

}  // namespace lacuna
