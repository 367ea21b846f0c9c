#include "engine/sparsifiers/fpgm.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/distances.h"
#include "engine/sparsifiers/row_sparsifier.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

/// Rows that all later ones are compared with before the next ones' turn comes, and how many of those a thread takes.
constexpr int64_t strip_rows = 32, rows_a_chunk = 16;

int64_t columns_of(const TensorView& weight) {
    return weight.shape[0] > 0 ? weight.elements() / weight.shape[0] : 0;
}

/// Every pair is looked at once and counts for both its rows, in the order of the other row: the sums are those that a
/// loop over all rows gives, whatever the number of threads.
template <typename T>
std::vector<double> minkowski_distances(const std::vector<T>& values, int64_t rows, int64_t columns, bool squared,
                                        const Progress* progress) {
    std::vector<double> sums(static_cast<size_t>(rows)), apart(static_cast<size_t>(strip_rows * rows));
    for (int64_t first = 0; first < rows; first += strip_rows) {
        if (progress) progress->check();
        const int64_t last = std::min(rows, first + strip_rows), others = rows - first;
        const auto apart_of = [&](int64_t row) { return apart.data() + (row - first) * others - first; };
        parallel_for(others, rows_a_chunk, [&](int64_t begin, int64_t end) {
            double* out = apart.data() + begin;
            kernels::add_differences(kernels::Rows<T>{values.data() + first * columns, last - first},
                                     kernels::Rows<T>{values.data() + (first + begin) * columns, end - begin}, columns,
                                     squared, out, others);
            for (int64_t row = first; row < last && squared; ++row, out += others)
                std::transform(out, out + (end - begin), out, [](double sum) { return std::sqrt(sum); });
        });
        for (int64_t row = first; row < last; ++row)
            for (int64_t other = first; other < rows; ++other) sums[size_t(row)] += apart_of(row)[other];
        for (int64_t row = first; row < last; ++row)
            for (int64_t other = last; other < rows; ++other) sums[size_t(other)] += apart_of(row)[other];
    }
    return sums;
}

/// Prunes the rows nearest to all others, which the others can stand in for. Always from the original weights: rows
/// that are pruned already would pull the distances towards 0 (docs/parity.md, structured pruners).
class Fpgm final : public RowSparsifier {
  public:
    explicit Fpgm(RowDistance distance = nullptr) : distance_(std::move(distance)) {}

    std::string_view name() const override { return "fpgm"; }
    std::string_view title() const override { return "FPGM (rows)"; }
    std::string_view help() const override {
        return "Prunes whole rows, those nearest to all others: filters that the rest can stand in for, however large "
               "they are.";
    }
    std::string_view source() const override {
        return "torch.ao.pruning.FPGMPruner; He et al., Filter pruning via geometric median, 2019 (arXiv 1811.00250)";
    }
    std::span<const OptionSpec> options() const override {
        static const std::array specs{
            level_option("Share of the rows that is pruned, rounded to the nearest."),
            OptionSpec{.name = "dist",
                       .type = OptionType::choice,
                       .help = "How rows are compared: 1 sums |a − b|, 2 is Euclid's distance.",
                       .default_value = std::string("2"),
                       .choices = {"1", "2"}}};
        return specs;
    }

    Mask compute(const MaskRequest& request) const override {
        demand_fit(request);
        const Shape& shape = request.weight.shape;
        const double wanted = std::nearbyint(request.options->number(sparsity_level_option) * double(shape[0]));
        const auto count = int64_t(std::clamp(wanted, 0.0, double(shape[0])));
        RowFlags pruned(static_cast<size_t>(shape[0]), uint8_t(count > 0 && count == shape[0]));
        if (count > 0 && count < shape[0]) {
            const auto distances =
                distance_
                    ? row_distances(request.weight, distance_, request.progress)
                    : row_distances(request.weight, request.options->choice("dist") == "1" ? 1 : 2, request.progress);
            flag_lowest(distances, 0, distances.size(), count, request.ties, pruned);
        }
        return mask_without_rows(shape, pruned);
    }

  private:
    RowDistance distance_;
};

}  // namespace

std::vector<double> row_distances(const TensorView& weight, const RowDistance& distance, const Progress* progress) {
    const auto rows = size_t(weight.shape[0]), columns = size_t(columns_of(weight));
    std::vector<double> values(rows * columns);
    read_as_double(weight, 0, int64_t(values.size()), values.data());
    const auto row = [&](size_t i) { return std::span<const double>(values).subspan(i * columns, columns); };
    std::vector<double> sums(rows);
    parallel_for(int64_t(rows), 4, [&](int64_t begin, int64_t end) {
        for (size_t j = 0; j < rows && !(progress && progress->cancelled()); ++j)  // outside: read once for several
            for (auto i = size_t(begin); i < size_t(end); ++i) sums[i] += distance(row(i), row(j));
    });
    if (progress) progress->check();
    return sums;
}

std::vector<double> row_distances(const TensorView& weight, int order, const Progress* progress) {
    if (order != 1 && order != 2)
        throw Error(ErrorKind::argument, "order", std::to_string(order) + " is no distance of rows that is known here",
                    "give 1 or 2, or a function of your own");
    const int64_t rows = weight.shape[0], columns = columns_of(weight);
    if (weight.dtype == DType::F64) {
        std::vector<double> values(static_cast<size_t>(rows * columns));
        read_as_double(weight, 0, rows * columns, values.data());
        return minkowski_distances(values, rows, columns, order == 2, progress);
    }
    std::vector<float> values(static_cast<size_t>(rows * columns));
    read_as_float(weight, 0, rows * columns, values.data());
    return minkowski_distances(values, rows, columns, order == 2, progress);
}

std::unique_ptr<const Sparsifier> make_fpgm(RowDistance distance) {
    return std::make_unique<Fpgm>(std::move(distance));
}

const Sparsifier& fpgm_sparsifier();
const Sparsifier& fpgm_sparsifier() {
    static const Fpgm instance;
    return instance;
}

}  // namespace lacuna
