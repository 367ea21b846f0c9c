#include "engine/torch/observe.h"

#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <unordered_map>

namespace lacuna {
namespace {

enum class Kind { linear, product, convolution, transposed_convolution };

/// An operator that multiplies, and where its first factor stands among the arguments; the second is the next one.
struct Multiplication {
    Kind kind;
    size_t first;
};

const Multiplication* multiplication(std::string_view name) {
    static const std::unordered_map<std::string_view, Multiplication> known{
        {"aten::linear", {Kind::linear, 0}},
        {"aten::matmul", {Kind::product, 0}},
        {"aten::mm", {Kind::product, 0}},
        {"aten::mv", {Kind::product, 0}},
        {"aten::bmm", {Kind::product, 0}},
        {"aten::addmm", {Kind::product, 1}},
        {"aten::addmv", {Kind::product, 1}},
        {"aten::baddbmm", {Kind::product, 1}},
        {"aten::_addmm_activation", {Kind::product, 1}},
        {"aten::conv1d", {Kind::convolution, 0}},
        {"aten::conv2d", {Kind::convolution, 0}},
        {"aten::conv3d", {Kind::convolution, 0}},
        {"aten::convolution", {Kind::convolution, 0}},
        {"aten::_convolution", {Kind::convolution, 0}},
        {"aten::conv_transpose1d", {Kind::transposed_convolution, 0}},
        {"aten::conv_transpose2d", {Kind::transposed_convolution, 0}},
        {"aten::conv_transpose3d", {Kind::transposed_convolution, 0}},
    };
    const auto found = known.find(name);
    return found == known.end() ? nullptr : &found->second;
}

constexpr size_t transposed_argument = 6;  // of aten::convolution and aten::_convolution

/// The observers that live. The lock is held while a sink runs, so that none goes away under it.
struct Observers {
    std::shared_mutex mutex;
    std::vector<OperandObserver*> all;
    at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;

    static Observers& get() {
        static Observers observers;
        return observers;
    }

    void offer(const at::Tensor& view, int64_t view_dim, const at::Tensor& input, int64_t input_dim) {
        const std::shared_lock lock(mutex);
        for (OperandObserver* observer : all) observer->offer(view, view_dim, input, input_dim);
    }
};

thread_local int inside_depth = 0;

/// Lives as long as an operator that was looked at: what it calls itself is the same multiplication once more.
struct Inside : at::ObserverContext {
    Inside() { ++inside_depth; }
    ~Inside() override { --inside_depth; }
};

/// Whether a factor of a matrix product is one matrix; dimensions before the last two may be there for broadcasting.
bool is_matrix(const at::Tensor& factor) {
    for (int64_t d = 0; d < factor.dim() - 2; ++d)
        if (factor.size(d) != 1 && factor.stride(d) != 0) return false;
    return factor.dim() >= 2;
}

/// The dimension of a product's right factor that is summed over.
int64_t rows_of(const at::Tensor& right) {
    return std::max<int64_t>(right.dim() - 2, 0);
}

void look_at(Kind kind, const at::Tensor& left, const at::Tensor& right) {
    Observers& observers = Observers::get();
    switch (kind) {
        case Kind::linear:
            return observers.offer(right, right.dim() - 1, left, left.dim() - 1);
        case Kind::product:
            if (is_matrix(right)) observers.offer(right, rows_of(right), left, left.dim() - 1);
            if (is_matrix(left)) observers.offer(left, left.dim() - 1, right, rows_of(right));
            return;
        case Kind::convolution:
            return observers.offer(right, 1, left, left.dim() - right.dim() + 1);
        case Kind::transposed_convolution:
            return observers.offer(right, 0, left, left.dim() - right.dim() + 1);
    }
}

void look_at(const Multiplication& operation, c10::ArrayRef<const c10::IValue> arguments) {
    const size_t first = operation.first;
    if (arguments.size() < first + 2 || !arguments[first].isTensor() || !arguments[first + 1].isTensor()) return;
    const at::Tensor& left = arguments[first].toTensor();
    const at::Tensor& right = arguments[first + 1].toTensor();
    if (!left.defined() || !right.defined() || left.dim() < 1 || right.dim() < 1) return;
    Kind kind = operation.kind;
    if (kind == Kind::convolution && arguments.size() > transposed_argument &&
        arguments[transposed_argument].isBool() && arguments[transposed_argument].toBool())
        kind = Kind::transposed_convolution;
    look_at(kind, left, right);
}

std::unique_ptr<at::ObserverContext> operator_begins(const at::RecordFunction& function) {
    if (inside_depth > 0) return nullptr;
    if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) return std::make_unique<Inside>();
    const Multiplication* operation = multiplication(function.name());
    if (!operation) return nullptr;
    auto inside = std::make_unique<Inside>();
    const auto below = function.inputs().size() - std::min(function.num_inputs(), function.inputs().size());
    look_at(*operation, function.inputs().slice(below));  // TorchScript hands over its whole stack
    return inside;
}

/// Elements of its storage from the first to past the last that a tensor reaches.
std::pair<int64_t, int64_t> reach(const at::Tensor& tensor) {
    int64_t end = tensor.storage_offset() + 1;
    for (int64_t d = 0; d < tensor.dim(); ++d) end += (tensor.size(d) - 1) * tensor.stride(d);
    return {tensor.storage_offset(), end};
}

/// The dimension of `weight` that dimension `dim` of `view` runs along in full; nothing if it is not of this weight.
std::optional<int64_t> shared_dim(const at::Tensor& weight, const at::Tensor& view, int64_t dim) {
    if (!weight.has_storage() || !weight.storage().is_alias_of(view.storage())) return std::nullopt;
    if (weight.scalar_type() != view.scalar_type()) return std::nullopt;
    const auto [begin, end] = reach(weight);
    const auto [view_begin, view_end] = reach(view);
    if (view_begin < begin || view_end > end) return std::nullopt;
    for (const int64_t own : {int64_t(1), int64_t(0)})
        if (weight.size(own) == view.size(dim) && weight.stride(own) == view.stride(dim)) return own;
    return std::nullopt;
}

}  // namespace

OperandObserver::OperandObserver(std::vector<at::Tensor> weights, Sink sink)
    : weights_(std::move(weights)), sink_(std::move(sink)) {
    for (size_t i = 0; i < weights_.size(); ++i)
        if (weights_[i].defined() && weights_[i].has_storage()) by_memory_[weights_[i].storage().data()].push_back(i);
    Observers& observers = Observers::get();
    const std::unique_lock lock(observers.mutex);
    if (observers.all.empty())  // LibTorch 2.11 guards its list by a lock; record_function.h speaks of older ones
        observers.handle =
            at::addGlobalCallback(at::RecordFunctionCallback(operator_begins)
                                      .needsInputs(true)
                                      .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    observers.all.push_back(this);
}

OperandObserver::~OperandObserver() {
    Observers& observers = Observers::get();
    const std::unique_lock lock(observers.mutex);
    std::erase(observers.all, this);
    if (observers.all.empty()) at::removeCallback(observers.handle);
}

bool OperandObserver::meet(size_t index, const at::Tensor& view, int64_t view_dim, const at::Tensor& input,
                           int64_t input_dim) {
    const at::Tensor& weight = weights_[index];
    if (!weight.defined() || weight.dim() < 2) return false;
    const auto weight_dim = shared_dim(weight, view, view_dim);
    if (!weight_dim) return false;
    const at::NoGradGuard no_grad;
    sink_({index, input.detach(), input_dim, *weight_dim});
    return true;
}

void OperandObserver::offer(const at::Tensor& view, int64_t view_dim, const at::Tensor& input,
                            int64_t input_dim) noexcept {
    try {
        if (!view.has_storage() || view.dim() < 2) return;
        bool met = false;
        if (const auto known = by_memory_.find(view.storage().data()); known != by_memory_.end())
            for (const size_t i : known->second) met |= meet(i, view, view_dim, input, input_dim);
        if (met) return;
        // Module::to gives a weight other memory.
        for (size_t i = 0; i < weights_.size(); ++i) meet(i, view, view_dim, input, input_dim);
    } catch (...) {
        const std::lock_guard lock(failed_mutex_);
        if (!failed_) failed_ = std::current_exception();
    }
}

void OperandObserver::rethrow() {
    const std::lock_guard lock(failed_mutex_);
    if (const std::exception_ptr failed = std::exchange(failed_, nullptr)) std::rethrow_exception(failed);
}

}  // namespace lacuna
