#include <algorithm>
#include <array>

#include "engine/base/error.h"
#include "engine/kernels/band.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {
namespace {

constexpr double most_nearliness = 2147483647;

/// Keeps what lies at most ⌊nearliness / 2⌋ from the main diagonal.
class NearlyDiagonal final : public Sparsifier {
  public:
    std::string_view name() const override { return "nearly_diagonal"; }
    std::string_view title() const override { return "Nearly diagonal"; }
    std::string_view help() const override {
        return "Keeps a band around the main diagonal of a matrix and prunes everything else.";
    }
    std::string_view source() const override { return "torch.ao.pruning.NearlyDiagonalSparsifier"; }

    std::span<const OptionSpec> options() const override {
        static const std::array specs{
            OptionSpec{.name = "nearliness",
                       .type = OptionType::integer,
                       .help = "Diagonals that are kept, an odd number; 0 or less keeps none.",
                       .default_value = int64_t(1),
                       .minimum = -most_nearliness,
                       .maximum = most_nearliness,
                       .soft_minimum = 1,
                       .soft_maximum = 63},
        };
        return specs;
    }

    std::string why_not(const Shape& shape, DType dtype) const override {
        if (!is_floating(dtype)) return "is " + std::string(dtype_name(dtype)) + ", not floating";
        if (shape.size() == 2) return {};
        return "nearly_diagonal needs two dimensions, not the " + std::to_string(shape.size()) + " of " +
               to_string(shape);
    }

    void check(const Options& options, const Shape* shape) const override {
        const int64_t nearliness = options.integer("nearliness");
        if (nearliness <= 0) return;
        if (nearliness % 2 == 0)
            throw Error(ErrorKind::argument, "nearliness", std::to_string(nearliness) + " is even",
                        "give an odd number: the main diagonal and as many on either side");
        if (!shape) return;
        const int64_t side = shape->empty() ? 0 : *std::min_element(shape->begin(), shape->end());
        if (nearliness / 2 >= side)
            throw Error(ErrorKind::argument, "nearliness",
                        std::to_string(nearliness) + " reaches past the smaller side of " + to_string(*shape),
                        side > 0 ? "give at most " + std::to_string(2 * side - 1) : "leave this tensor out");
    }

    Mask compute(const MaskRequest& request) const override {
        const Shape& shape = request.weight.shape;
        if (const auto reason = why_not(shape, request.weight.dtype); !reason.empty())
            throw Error(ErrorKind::argument, std::string(request.name), reason, "leave this tensor out");
        check(*request.options, &shape);
        Mask mask = Mask::zeros(shape);
        const int64_t nearliness = request.options->integer("nearliness");
        if (nearliness > 0) kernels::set_band(mask.words().data(), shape[0], shape[1], nearliness / 2);
        return mask;
    }
};

}  // namespace

const Sparsifier& nearly_diagonal_sparsifier();
const Sparsifier& nearly_diagonal_sparsifier() {
    static const NearlyDiagonal instance;
    return instance;
}

}  // namespace lacuna
