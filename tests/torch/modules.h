#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <atomic>

#include "engine/base/error.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::testing_support {

inline torch::nn::Linear linear(int64_t in, int64_t out, bool bias = false) {
    return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(bias));
}

/// The model that most of upstream's tests prune: a Sequential of three Linear layers, then two more.
struct SimpleLinear : torch::nn::Module {
    SimpleLinear()
        : seq(register_module("seq", torch::nn::Sequential(linear(7, 5), linear(5, 6), linear(6, 4)))),
          linear1(register_module("linear1", linear(4, 4))),
          linear2(register_module("linear2", linear(4, 10))) {}

    at::Tensor forward(const at::Tensor& x) { return linear2(linear1(seq->forward(x))); }

    torch::nn::Sequential seq;
    torch::nn::Linear linear1, linear2;
};

/// Upstream's mock: zeroes row 0 of the mask it is given, and counts.
class ZeroRow : public Sparsifier {
  public:
    std::string_view name() const override { return "zero_row"; }
    std::string_view title() const override { return "Zero row"; }
    std::string_view help() const override { return "Prunes row 0."; }
    std::string_view source() const override { return "a test"; }
    std::span<const OptionSpec> options() const override {
        static const OptionSpec specs[] = {{.name = "test",
                                            .type = OptionType::integer,
                                            .help = "Nothing.",
                                            .default_value = int64_t(1),
                                            .maximum = 9},
                                           {.name = "other",
                                            .type = OptionType::integer,
                                            .help = "Nothing.",
                                            .default_value = int64_t(5),
                                            .maximum = 9},
                                           {.name = "more",
                                            .type = OptionType::integer,
                                            .help = "Nothing.",
                                            .default_value = int64_t(7),
                                            .maximum = 9}};
        return specs;
    }
    std::string why_not(const Shape& shape, DType) const override {
        return shape.size() == 2 ? "" : "zero_row needs two dimensions";
    }
    void check(const Options&, const Shape*) const override {}
    Mask compute(const MaskRequest& request) const override {
        if (request.name == fails_on) throw Error(ErrorKind::argument, std::string(request.name), "asked to fail");
        ++computed;
        Mask mask = *request.current;
        mask.set_range(0, mask.shape()[1], false);
        return mask;
    }

    mutable std::atomic<int> computed{0};
    std::string fails_on;
};

}  // namespace lacuna::testing_support
