#include "engine/torch/masked_tensor.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/where.h>

#include <mutex>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

std::mutex owned_mutex;

/// Identities of the tensors that are masked now; the owners keep them alive.
std::unordered_set<const void*>& owned() {
    static std::unordered_set<const void*> tensors;
    return tensors;
}

at::Tensor zero_like(const at::Tensor& tensor) {
    return at::scalar_tensor(0, tensor.options().requires_grad(false));
}

at::Tensor masked(const at::Tensor& values, const at::Tensor& keep) {
    return at::where(keep.to(values.device()), values, zero_like(values));
}

}  // namespace

MaskedTensor::MaskedTensor(std::string fqn, at::Tensor tensor, MaskPtr mask)
    : fqn_(std::move(fqn)),
      tensor_(std::move(tensor)),
      mask_(std::move(mask)),
      keep_(std::make_shared<at::Tensor>(to_tensor(*mask_))) {
    original_ = tensor_.detach().clone();
    write();
    hold_gradient();
    const std::lock_guard lock(owned_mutex);
    owned().insert(tensor_.unsafeGetTensorImpl());
}

MaskedTensor::~MaskedTensor() {
    if (!original_.defined()) return;
    try {
        collect();
        const at::NoGradGuard no_grad;
        tensor_.copy_(original_);
    } catch (const std::exception&) {
        // Somebody gave the tensor another shape: there is nothing to restore.
    }
    release();
}

bool MaskedTensor::is_masked(const at::Tensor& tensor) {
    const std::lock_guard lock(owned_mutex);
    return owned().contains(tensor.unsafeGetTensorImpl());
}

const at::Tensor& MaskedTensor::original() {
    refresh();
    return original_;
}

void MaskedTensor::set_original(const at::Tensor& values) {
    original_ = values.detach().to(tensor_.options().requires_grad(false), false, true);
    write();
}

void MaskedTensor::set_mask(MaskPtr mask) {
    collect();
    mask_ = std::move(mask);
    *keep_ = to_tensor(*mask_).to(tensor_.device());
    hold_gradient();
    write();
}

void MaskedTensor::refresh() {
    set_mask(mask_);
}

void MaskedTensor::squash() {
    refresh();
    release();
    original_ = at::Tensor();
}

void MaskedTensor::collect() {
    if (tensor_.sizes() != original_.sizes())
        throw Error(ErrorKind::state, fqn_,
                    "the tensor had shape " + to_string(original_.sizes().vec()) + " when it was prepared and has " +
                        to_string(tensor_.sizes().vec()) + " now",
                    "prepare it again");
    const at::NoGradGuard no_grad;
    const at::Tensor live = tensor_.detach();
    const at::Tensor before = original_.to(live.options());
    const at::Tensor pruned = at::where(live.eq(0), before, before + live);
    original_ = at::where(keep_->to(live.device()), live, pruned);
}

void MaskedTensor::hold_gradient() {
    if (hook_ || !tensor_.requires_grad()) return;
    hook_ = tensor_.register_hook([keep = keep_](const at::Tensor& gradient) { return masked(gradient, *keep); });
}

void MaskedTensor::write() {
    const at::NoGradGuard no_grad;
    tensor_.copy_(masked(original_, *keep_));
}

void MaskedTensor::release() {
    if (hook_) tensor_.remove_hook(*hook_);
    hook_.reset();
    const std::lock_guard lock(owned_mutex);
    owned().erase(tensor_.unsafeGetTensorImpl());
}

}  // namespace lacuna
