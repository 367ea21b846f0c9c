#include "engine/sparsifiers/fpgm.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/parallel.h"
#include "engine/sparsifiers/row_sparsifier.h"

namespace lacuna {
namespace {

/// Sums are kept in this many parts, so that the loop vectorises and still adds in one fixed order.
constexpr size_t lanes = 8;

template <typename Term>
double sum_of(std::span<const double> a, std::span<const double> b, Term term) {
    std::array<double, lanes> parts{};
    size_t i = 0;
    for (; i + lanes <= a.size(); i += lanes)
        for (size_t lane = 0; lane < lanes; ++lane) parts[lane] += term(a[i + lane] - b[i + lane]);
    for (; i < a.size(); ++i) parts[i % lanes] += term(a[i] - b[i]);
    double sum = 0;
    for (const double part : parts) sum += part;
    return sum;
}

double distance_l1(std::span<const double> a, std::span<const double> b) {
    return sum_of(a, b, [](double difference) { return std::abs(difference); });
}

double distance_l2(std::span<const double> a, std::span<const double> b) {
    return std::sqrt(sum_of(a, b, [](double difference) { return difference * difference; }));
}

/// Prunes the rows nearest to all others, which the others can stand in for. Always from the original weights: rows
/// that are pruned already would pull the distances towards 0 (parity.md 1.13).
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
        const double wanted = std::nearbyint(request.options->number("sparsity_level") * double(shape[0]));
        const auto count = int64_t(std::clamp(wanted, 0.0, double(shape[0])));
        RowFlags pruned(static_cast<size_t>(shape[0]), uint8_t(count > 0 && count == shape[0]));
        if (count > 0 && count < shape[0]) {
            const auto distances = row_distances(
                request.weight,
                distance_ ? distance_ : minkowski_distance(request.options->choice("dist") == "1" ? 1 : 2));
            flag_lowest(distances, 0, distances.size(), count, request.ties, pruned);
        }
        return mask_without_rows(shape, pruned);
    }

  private:
    RowDistance distance_;
};

}  // namespace

RowDistance minkowski_distance(int order) {
    return order == 1 ? distance_l1 : distance_l2;
}

std::vector<double> row_distances(const TensorView& weight, const RowDistance& distance) {
    const auto rows = size_t(weight.shape[0]);
    const size_t columns = rows > 0 ? size_t(weight.elements()) / rows : 0;
    std::vector<double> values(rows * columns);
    read_as_double(weight, 0, int64_t(values.size()), values.data());
    const auto row = [&](size_t i) { return std::span<const double>(values).subspan(i * columns, columns); };
    std::vector<double> sums(rows);
    parallel_for(int64_t(rows), 4, [&](int64_t begin, int64_t end) {
        for (size_t j = 0; j < rows; ++j)  // outside: a row is read once for several others
            for (auto i = size_t(begin); i < size_t(end); ++i) sums[i] += distance(row(i), row(j));
    });
    return sums;
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
