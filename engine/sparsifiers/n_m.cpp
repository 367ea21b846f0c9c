#include <array>

#include "engine/base/error.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/score_option.h"

namespace lacuna {
namespace {

constexpr double longest_group = 1 << 20;

/// Keeps n of every m consecutive weights of a row: the pattern that sparse tensor cores run (n 2, m 4).
class NM final : public Sparsifier {
  public:
    std::string_view name() const override { return "n_m"; }
    std::string_view title() const override { return "N:M"; }
    std::string_view help() const override {
        return "Keeps the n largest of every m consecutive weights of a row; convolutions run along their input "
               "channels. 2 of 4 is what NVIDIA's sparse tensor cores take.";
    }
    std::string_view source() const override {
        return "Mishra et al., Accelerating sparse deep neural networks, 2021 (arXiv 2104.08378)";
    }
    std::span<const OptionSpec> options() const override;

    std::string why_not(const Shape&, DType dtype) const override {
        return is_floating(dtype) ? "" : "is " + std::string(dtype_name(dtype)) + ", not floating";
    }

    void check(const Options& options, const Shape*) const override {
        const int64_t n = options.integer("n"), m = options.integer("m");
        if (n > m)
            throw Error(ErrorKind::argument, "n", std::to_string(n) + " of every " + std::to_string(m) + " is too many",
                        "give at most " + std::to_string(m) + ", or a larger m");
    }

    std::string remark(const Options& options, const Shape& shape) const override {
        const int64_t m = options.integer("m");
        return short_group_remark(shape, m, m - options.integer("n"));
    }

    Mask compute(const MaskRequest& request) const override {
        if (const auto reason = why_not(request.weight.shape, request.weight.dtype); !reason.empty())
            throw Error(ErrorKind::argument, std::string(request.name), reason, "leave this tensor out");
        check(*request.options, &request.weight.shape);
        const int64_t n = request.options->integer("n"), m = request.options->integer("m");
        return prune_tensor(request.weight, scored_mask(request), false,
                            {.level = 1, .block = {1, m}, .zeros = m - n, .ties = request.ties}, request.device);
    }
    bool uses_device() const override { return true; }
};

std::span<const OptionSpec> NM::options() const {
    static const std::array specs{
        OptionSpec{.name = "n",
                   .type = OptionType::integer,
                   .help = "Weights kept of every m.",
                   .default_value = int64_t(2),
                   .minimum = 1,
                   .maximum = longest_group,
                   .soft_minimum = 1,
                   .soft_maximum = 8},
        OptionSpec{.name = "m",
                   .type = OptionType::integer,
                   .help = "Consecutive weights that make a group; a shorter group at a row's end loses m − n too.",
                   .default_value = int64_t(4),
                   .minimum = 1,
                   .maximum = longest_group,
                   .soft_minimum = 2,
                   .soft_maximum = 16},
        score_option(),
    };
    return specs;
}

}  // namespace

const Sparsifier& n_m_sparsifier();
const Sparsifier& n_m_sparsifier() {
    static const NM instance;
    return instance;
}

}  // namespace lacuna
