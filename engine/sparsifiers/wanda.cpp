#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

/// The view with its first two dimensions changed over: (in, out, …) seen as (out, in, …).
TensorView turned(TensorView weight) {
    std::swap(weight.shape[0], weight.shape[1]);
    std::swap(weight.strides[0], weight.strides[1]);
    return weight;
}

/// The same for a mask.
Mask turned(const Mask& mask) {
    Shape shape = mask.shape();
    std::swap(shape[0], shape[1]);
    Mask result = Mask::zeros(shape);
    const int64_t rows = shape[0], columns = shape[1];
    const int64_t inner = rows * columns > 0 ? result.size() / (rows * columns) : 0;
    constexpr int64_t grain = 64;  // whole words
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
            for (int64_t c = 0; c < columns; ++c)
                for (int64_t i = 0; i < inner; ++i)
                    if (mask[(c * rows + r) * inner + i]) result.set((r * columns + c) * inner + i, true);
    });
    return result;
}

/// Input channels that the weight (out, in, …) sees of those that were calibrated: a grouped convolution's weight has
/// one group's. Throws Error(argument) where they do not belong together.
int64_t groups_of(const MaskRequest& request, const Shape& shape) {
    const auto features = int64_t(request.activations->squares.size());
    const int64_t groups = shape[1] > 0 ? features / shape[1] : 0;
    if (groups > 0 && groups * shape[1] == features && shape[0] % groups == 0) return groups;
    throw Error(ErrorKind::argument, std::string(request.name),
                "its calibration saw " + std::to_string(features) + " input features, the weight of shape " +
                    to_string(shape) + " has " + std::to_string(shape[1]),
                "calibrate with this model");
}

/// One factor for every weight of a row, for each group of rows.
ScoreFactors factors_of(const Activations& seen, bool squared, MatrixShape matrix, int64_t groups, int64_t inputs) {
    ScoreFactors factors{{}, matrix.columns, std::max<int64_t>(1, matrix.rows / groups)};
    const int64_t repeat = matrix.columns / inputs;  // 1, or the places of a kernel
    factors.values.reserve(size_t(groups * matrix.columns));
    for (const double sum : seen.squares)
        factors.values.insert(factors.values.end(), size_t(repeat), squared ? sum : std::sqrt(sum));
    return factors;
}

/// Wanda's rule: what a weight contributes is its magnitude times the norm of what it is multiplied with.
class Wanda final : public Sparsifier {
  public:
    std::string_view name() const override { return "wanda"; }
    std::string_view title() const override { return "Wanda"; }
    std::string_view help() const override {
        return "Prunes the weights that contribute least: magnitude times the norm of the layer's input feature, seen "
               "by running calibration data through the model. Every step scores all weights anew.";
    }
    std::string_view source() const override {
        return "Sun et al., A simple and effective pruning approach for large language models, 2023 (arXiv "
               "2306.11695); "
               "torchao's WandaSparsifier by norm l2_squared and scope layer";
    }
    std::span<const OptionSpec> options() const override;
    bool needs_activations() const override { return true; }

    std::string why_not(const Shape& shape, DType dtype) const override {
        if (!is_floating(dtype)) return "is " + std::string(dtype_name(dtype)) + ", not floating";
        return shape.size() < 2 ? "has no input features: wanda needs two dimensions or more" : "";
    }
    void check(const Options&, const Shape*) const override {}

    Mask compute(const MaskRequest& request) const override {
        if (const auto reason = why_not(request.weight.shape, request.weight.dtype); !reason.empty())
            throw Error(ErrorKind::argument, std::string(request.name), reason, "leave this tensor out");
        if (!request.activations)
            throw Error(ErrorKind::argument, std::string(request.name),
                        "wanda weighs what enters the layer, and no calibration has seen it",
                        "run data through the model first: --data on the command line, Open data in the window");
        const bool inputs_first = request.activations->weight_dim == 0;
        const TensorView weight = inputs_first ? turned(request.weight) : request.weight;
        if (weight.elements() == 0) return Mask::ones(request.weight.shape);
        Mask mask = weight.dtype == DType::F64 ? pruned<kernels::Key64>(request, weight)
                                               : pruned<kernels::Key32>(request, weight);
        return inputs_first ? turned(mask) : mask;
    }

  private:
    template <typename Key>
    static Mask pruned(const MaskRequest& request, const TensorView& weight) {
        const Options& options = *request.options;
        const int64_t group = options.integer("semi_structured_block_size");
        const Arranged arranged(weight, nullptr, group > 0);
        const MatrixShape matrix = arranged.matrix();
        const ScoreFactors factors = factors_of(*request.activations, options.choice("norm") == "l2_squared", matrix,
                                                groups_of(request, weight.shape), weight.shape[1]);
        const Scores scores = arranged.scores(false, &factors);
        BlockRule rule{.level = 1, .ties = request.ties, .aten_order = AtenOrder::sort};
        if (group > 0) {
            rule.block = {1, group};
            rule.zeros = group / 2;
            if (request.ties == Ties::lowest || matrix.columns % group == 0) rule.block = fitted(rule.block, matrix);
        } else if (options.choice("scope") == "row") {
            rule.block = {1, matrix.columns};
            rule.zeros = share(options, matrix.columns);
        } else {
            return without_lowest<Key>(scores, arranged, share(options, scores.size()), request.ties);
        }
        return arranged.restored(prune_blocks<Key>(scores, arranged.shape(), matrix, rule));
    }

    /// ⌊level · count⌋, as upstream counts.
    static int64_t share(const Options& options, int64_t count) {
        return int64_t(std::clamp(options.number(sparsity_level_option), 0.0, 1.0) * double(count));
    }

    template <typename Key>
    static Mask without_lowest(const Scores& scores, const Arranged& arranged, int64_t k, Ties ties) {
        const auto taken = lowest_of(scores.reader<Key>(), scores.size(), k, ties, AtenOrder::sort);
        return mask_without(taken, arranged.shape(), arranged.matrix(), {1, 1});
    }
};

std::span<const OptionSpec> Wanda::options() const {
    static const std::array specs{
        OptionSpec{.name = sparsity_level_option,
                   .type = OptionType::number,
                   .help = "Share of each row's weights, or of the layer's, that is pruned; a semi-structured block "
                           "size sets it aside.",
                   .default_value = 0.5,
                   .minimum = 0,
                   .maximum = 1},
        OptionSpec{.name = "semi_structured_block_size",
                   .type = OptionType::integer,
                   .help = "m: of every m consecutive inputs of a row the m/2 lowest go (4: 2:4); a shorter group at a "
                           "row's end loses m/2 too. 0: none.",
                   .default_value = int64_t(0),
                   .minimum = 0,
                   .maximum = 1 << 20,
                   .soft_minimum = 0,
                   .soft_maximum = 16},
        OptionSpec{.name = "norm",
                   .type = OptionType::choice,
                   .help = "Of an input feature over the calibration data: l2, as the paper has it, or its square, as "
                           "torchao has it.",
                   .default_value = std::string("l2"),
                   .choices = {"l2", "l2_squared"}},
        OptionSpec{.name = "scope",
                   .type = OptionType::choice,
                   .help = "Weights compete within their row, which feeds one output (the paper), or within the layer "
                           "(torchao).",
                   .default_value = std::string("row"),
                   .choices = {"row", "layer"}},
    };
    return specs;
}

}  // namespace

const Sparsifier& wanda_sparsifier();
const Sparsifier& wanda_sparsifier() {
    static const Wanda instance;
    return instance;
}

}  // namespace lacuna
