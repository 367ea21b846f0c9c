#include "engine/torch/calibrate.h"

#include <ATen/ops/linalg_vector_norm.h>

#include "engine/base/error.h"

namespace lacuna {
namespace {

/// `values` is a dense block of `outer` × features × `inner`.
template <class T>
void add_squares(const T* values, int64_t outer, int64_t inner, std::vector<double>& sums) {
    const auto features = int64_t(sums.size());
    for (int64_t o = 0; o < outer; ++o, values += features * inner) {
        if (inner == 1) {
            for (int64_t f = 0; f < features; ++f) sums[size_t(f)] += double(values[f]) * double(values[f]);
            continue;
        }
        for (int64_t f = 0; f < features; ++f) {
            const T* run = values + f * inner;
            double sum = 0;
            for (int64_t i = 0; i < inner; ++i) sum += double(run[i]) * double(run[i]);
            sums[size_t(f)] += sum;
        }
    }
}

std::vector<double> squares_on_cpu(const at::Tensor& input, int64_t dim) {
    const bool wide = input.scalar_type() == at::kDouble;
    const at::Tensor dense = (wide ? input : input.to(at::kFloat)).contiguous();
    int64_t outer = 1, inner = 1;
    for (int64_t d = 0; d < dim; ++d) outer *= dense.size(d);
    for (int64_t d = dim + 1; d < dense.dim(); ++d) inner *= dense.size(d);
    std::vector<double> sums(size_t(dense.size(dim)));
    if (wide)
        add_squares(dense.const_data_ptr<double>(), outer, inner, sums);
    else
        add_squares(dense.const_data_ptr<float>(), outer, inner, sums);
    return sums;
}

/// Reduced where the data are: only a number a feature crosses to the CPU.
std::vector<double> squares_elsewhere(const at::Tensor& input, int64_t dim) {
    std::vector<int64_t> others;
    for (int64_t d = 0; d < input.dim(); ++d)
        if (d != dim) others.push_back(d);
    at::Tensor norms = input.to(at::kDouble).abs();
    if (!others.empty()) norms = at::linalg_vector_norm(norms, 2, others);
    norms = norms.square().cpu().contiguous();
    return {norms.const_data_ptr<double>(), norms.const_data_ptr<double>() + norms.numel()};
}

}  // namespace

void add_operand(Activations& sums, const Operand& operand, const std::string& weight) {
    const at::Tensor& input = operand.input;
    if (input.numel() == 0) return;
    Activations part;
    part.squares =
        input.is_cpu() ? squares_on_cpu(input, operand.input_dim) : squares_elsewhere(input, operand.input_dim);
    part.rows = input.numel() / input.size(operand.input_dim);
    part.weight_dim = operand.weight_dim;
    add_activations(sums, part, weight);
}

void add_activations(Activations& sums, const Activations& part, const std::string& weight) {
    if (part.squares.empty()) return;
    if (sums.squares.empty()) {
        sums = part;
        return;
    }
    if (sums.weight_dim != part.weight_dim || sums.squares.size() != part.squares.size())
        throw Error(ErrorKind::argument, weight, "the model multiplies along both of its dimensions",
                    "leave it out: its input features are not the same ones each time");
    for (size_t f = 0; f < sums.squares.size(); ++f) sums.squares[f] += part.squares[f];
    sums.rows += part.rows;
}

Calibration::Calibration(std::vector<std::string> names, std::vector<at::Tensor> weights)
    : names_(std::move(names)), sums_(weights.size()), observer_(std::move(weights), [this](const Operand& operand) {
          const std::lock_guard lock(mutex_);
          add_operand(sums_[operand.weight], operand, names_[operand.weight]);
      }) {}

ActivationsPtr Calibration::activations(size_t index) {
    observer_.rethrow();
    const std::lock_guard lock(mutex_);
    return sums_[index].squares.empty() ? nullptr : std::make_shared<const Activations>(sums_[index]);
}

}  // namespace lacuna
