#include "engine/torch/score.h"

#include <cmath>
#include <span>
#include <string>

#include "engine/base/error.h"

namespace lacuna {
namespace {

size_t highest(std::span<const double> row) {
    size_t best = 0;
    for (size_t i = 0; i < row.size(); ++i) {
        if (std::isnan(row[i])) return i;
        if (row[i] > row[best]) best = i;
    }
    return best;
}

double cross_entropy(std::span<const double> row, size_t label, double peak) {
    double sum = 0;
    for (const double value : row) sum += std::exp(value - peak);
    return std::log(sum) + peak - row[label];
}

}  // namespace

Score score(const at::Tensor& logits, const at::Tensor& labels) {
    const at::Tensor values = logits.detach().to(at::kCPU, at::kDouble).contiguous();
    const int64_t rows = values.size(0), classes = values.size(1);
    const auto* label = labels.const_data_ptr<int64_t>();
    Score total;
    for (int64_t r = 0; r < rows; ++r) {
        if (label[r] < 0 || label[r] >= classes)
            throw Error(ErrorKind::argument, "labels",
                        std::to_string(label[r]) + " is not one of the model's " + std::to_string(classes) +
                            " classes, which are numbered from 0");
        const std::span row(values.const_data_ptr<double>() + r * classes, size_t(classes));
        const size_t best = highest(row);
        total.correct += int64_t(best) == label[r];
        total.loss += cross_entropy(row, size_t(label[r]), row[best]);
    }
    return total;
}

}  // namespace lacuna
