#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <random>
#include <string>
#include <vector>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::testing_support {

/// A TorchScript module put together layer by layer, as torch.jit.script would name it.
class Net {
  public:
    Net() : unit_(std::make_shared<torch::jit::CompilationUnit>()), root_(module("Net")) {}

    /// A layer under `fqn`, whose containers are made as needed. `call` is what it does with x.
    Net& layer(const std::string& fqn, const std::string& type, std::vector<std::pair<std::string, at::Tensor>> tensors,
               const std::string& call) {
        torch::jit::Module leaf = module(type);
        for (auto& [name, tensor] : tensors) {
            const bool buffer = name.starts_with("running");
            if (tensor.defined())
                leaf.register_parameter(name, tensor, buffer);
            else
                leaf.register_attribute(name, c10::NoneType::get(), c10::IValue());
        }
        leaf.register_attribute("training", c10::BoolType::get(), false);
        leaf.define("def forward(self, x):\n    return " + call + "\n");
        place(root_, fqn, leaf);
        return *this;
    }
    Net& linear(const std::string& fqn, int64_t in, int64_t out, bool bias = false) {
        return layer(fqn, "Linear", {{"weight", weight({out, in})}, {"bias", bias ? random({out}) : at::Tensor()}},
                     "torch.linear(x, self.weight, self.bias)");
    }
    /// A square convolution; `more` is what follows the bias: ", [1, 1], [1, 1]" for a stride and a padding of 1.
    Net& conv2d(const std::string& fqn, int64_t in, int64_t out, bool bias = false, const std::string& more = "",
                int64_t kernel = 3, int64_t groups = 1) {
        return layer(
            fqn, "Conv2d",
            {{"weight", weight({out, in / groups, kernel, kernel})}, {"bias", bias ? random({out}) : at::Tensor()}},
            "torch.conv2d(x, self.weight, self.bias" + more + ")");
    }
    Net& batch_norm(const std::string& fqn, int64_t channels) {
        return layer(fqn, "BatchNorm2d",
                     {{"weight", random({channels})},
                      {"bias", random({channels})},
                      {"running_mean", random({channels})},
                      {"running_var", random({channels}).abs() + 0.5}},
                     "torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, False, 0.1, "
                     "1e-05, True)");
    }
    /// `body` is the code of forward(self, x); "seq.0(x)" calls the layer of that name.
    torch::jit::Module forward(std::string body) {
        std::string text = "def forward(self, x):\n";
        for (std::string_view rest = body; !rest.empty();) {
            const size_t end = rest.find('\n');
            text += "    " + std::string(rest.substr(0, end)) + "\n";
            rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
        }
        for (const std::string& fqn : fqns_) {
            const std::string call = fqn + "(";
            for (size_t at = text.find(call); at != text.npos; at = text.find(call, at))
                if (at > 0 && (std::isalnum(text[at - 1]) || text[at - 1] == '.' || text[at - 1] == '_')) {
                    ++at;
                } else {
                    const std::string path = access(fqn) + ".forward(";
                    text.replace(at, call.size(), path);
                    at += path.size();
                }
        }
        root_.register_attribute("training", c10::BoolType::get(), false);
        root_.define(text);
        root_.eval();
        return root_;
    }
    /// A chain: each step is a layer's FQN, or an expression in x.
    torch::jit::Module chain(const std::vector<std::string>& steps) {
        std::string body;
        for (const std::string& step : steps)
            body += "x = " + (std::find(fqns_.begin(), fqns_.end(), step) != fqns_.end() ? step + "(x)" : step) + "\n";
        return forward(body + "return x");
    }

    /// Scaled so that values neither grow nor fade from layer to layer.
    at::Tensor weight(const std::vector<int64_t>& shape) {
        const at::Tensor tensor = random(shape);
        return tensor.div_(0.3 * std::sqrt(double(tensor.numel()) / double(shape[0])));
    }
    at::Tensor random(const std::vector<int64_t>& shape) {
        at::Tensor tensor = at::empty(shape);
        for (int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<float>()[i] = normal_(engine_);
        return tensor;
    }

  private:
    torch::jit::Module module(const std::string& type) {
        return torch::jit::Module(c10::QualifiedName("__torch__." + type), unit_, true);
    }
    void place(torch::jit::Module& into, const std::string& fqn, const torch::jit::Module& leaf) {
        fqns_.push_back(fqn);
        torch::jit::Module at = into;
        std::string_view rest = fqn;
        for (size_t dot = rest.find('.'); dot != rest.npos; dot = rest.find('.')) {
            const std::string name(rest.substr(0, dot));
            if (!at.hasattr(name)) {
                torch::jit::Module container = module("Sequential");
                container.register_attribute("training", c10::BoolType::get(), false);
                at.register_module(name, container);
            }
            at = at.attr(name).toModule();
            rest.remove_prefix(dot + 1);
        }
        at.register_module(std::string(rest), leaf);
    }
    static std::string access(const std::string& fqn) {
        std::string path = "self";
        std::string_view rest = fqn;
        while (true) {
            const size_t dot = rest.find('.');
            path = "getattr(" + path + ", \"" + std::string(rest.substr(0, dot)) + "\")";
            if (dot == rest.npos) return path;
            rest.remove_prefix(dot + 1);
        }
    }

    std::shared_ptr<torch::jit::CompilationUnit> unit_;
    torch::jit::Module root_;
    std::vector<std::string> fqns_;
    std::mt19937 engine_{7};
    std::normal_distribution<float> normal_{0, 0.3f};
};

inline int64_t parameters_of(const torch::jit::Module& module) {
    int64_t count = 0;
    for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
    return count;
}

inline at::Tensor parameter_of(const torch::jit::Module& module, const std::string& fqn) {
    for (const auto& parameter : module.named_parameters())
        if (parameter.name == fqn) return parameter.value;
    return {};
}

inline std::vector<int64_t> shape_of(const torch::jit::Module& module, const std::string& fqn) {
    return parameter_of(module, fqn).sizes().vec();
}

inline at::Tensor run(torch::jit::Module module, const at::Tensor& input) {
    const at::NoGradGuard no_grad;
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    return module.forward({input}).toTensor();
}

inline at::Tensor random_input(const std::vector<int64_t>& shape, uint64_t seed = 3) {
    at::manual_seed(seed);
    return at::randn(shape);
}

/// Zeroes rows of a weight.
inline void empty_rows(torch::jit::Module& module, const std::string& fqn, const std::vector<int64_t>& rows) {
    const at::NoGradGuard no_grad;
    for (const int64_t row : rows) parameter_of(module, fqn)[row].zero_();
}

/// a and b are the same to 1e-5 of the largest value, with upstream's 1e-7 for values near 0.
inline void expect_same(const at::Tensor& a, const at::Tensor& b, const std::string& what = "") {
    ASSERT_EQ(a.sizes(), b.sizes()) << what;
    if (a.numel() == 0) return;
    EXPECT_LE((a - b).abs().max().item<double>(), 1e-7 + 1e-5 * a.abs().max().item<double>()) << what;
}

/// Upstream's mocks: row 1, or a third of the rows by chance, or the lower half of each gate.
class RowMock : public Sparsifier {
  public:
    enum class Kind { row_one, third, lower_half_of_gates };
    explicit RowMock(Kind kind) : kind_(kind) {}
    std::string_view name() const override { return "mock"; }
    std::string_view title() const override { return "Mock"; }
    std::string_view help() const override { return "Prunes rows."; }
    std::string_view source() const override { return "a test"; }
    std::span<const OptionSpec> options() const override {
        static const OptionSpec specs[] = {{.name = "test",
                                            .type = OptionType::integer,
                                            .help = "Nothing.",
                                            .default_value = int64_t(1),
                                            .maximum = 9}};
        return specs;
    }
    std::string why_not(const Shape& shape, DType) const override { return shape.size() > 1 ? "" : "needs rows"; }
    void check(const Options&, const Shape*) const override {}
    Mask compute(const MaskRequest& request) const override {
        Mask mask = *request.current;
        const int64_t rows = mask.shape()[0], columns = mask.size() / rows;
        const auto prune = [&](int64_t row) { mask.set_range(row * columns, (row + 1) * columns, false); };
        if (kind_ == Kind::row_one) prune(1);
        if (kind_ == Kind::lower_half_of_gates)
            for (int64_t row = 0; row < rows; ++row)
                if (row % (rows / 4) >= rows / 8) prune(row);
        if (kind_ == Kind::third) {
            std::mt19937 random(uint32_t(std::hash<std::string_view>()(request.name)));
            std::vector<int64_t> order(static_cast<size_t>(rows));
            std::iota(order.begin(), order.end(), 0);
            std::shuffle(order.begin(), order.end(), random);
            for (int64_t i = 0; i < rows / 3; ++i) prune(order[size_t(i)]);
        }
        return mask;
    }

  private:
    Kind kind_;
};

}  // namespace lacuna::testing_support
