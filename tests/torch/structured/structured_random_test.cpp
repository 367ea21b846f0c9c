#include "engine/base/error.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/shrink.h"
#include "tests/torch/structured/nets.h"

// Networks put together by chance from what can be followed and what cannot, with rows emptied by chance: the smaller
// one gives the same, or nothing can be taken out and the reason is said.

namespace lacuna {
namespace {

using namespace testing_support;
using torch::jit::Module;

class RandomNet {
  public:
    explicit RandomNet(uint32_t seed) : random_(seed) {}

    Module make() {
        Net net;
        std::vector<std::string> steps;
        int64_t channels = 3;
        const int layers = 2 + pick(4);
        for (int i = 0; i < layers; ++i) convolve(net, steps, channels, i);
        flatten(net, steps, channels);
        Module module = net.chain(steps);
        for (const std::string& weight : weights_) {
            const int64_t rows = shape_of(module, weight)[0];
            std::vector<int64_t> emptied;
            for (int64_t row = 0; row < rows; ++row)
                if (pick(3) == 0) emptied.push_back(row);
            empty_rows(module, weight, emptied);
            if (pick(2) == 0) zero_biases(module, weight, emptied);
        }
        for (const std::string& step : steps) text_ += step + "; ";
        return module;
    }
    const std::string& text() const { return text_; }

  private:
    int pick(int count) { return int(random_() % uint32_t(count)); }

    std::string activation() {
        static const std::vector<std::string> all{"torch.relu(x)",         "torch.relu_(x)",
                                                  "torch.sigmoid(x)",      "torch.tanh(x)",
                                                  "torch.gelu(x)",         "torch.softplus(x)",
                                                  "torch.hardswish(x)",    "x * 0.5 + 0.25",
                                                  "torch.clamp(x, -1, 1)", "torch.dropout(x, 0.5, False)",
                                                  "x * torch.sigmoid(x)"};
        return all[size_t(pick(int(all.size())))];
    }

    void convolve(Net& net, std::vector<std::string>& steps, int64_t& channels, int i) {
        const std::string name = "c" + std::to_string(i), conv = "seq." + name;
        const int64_t before = channels;
        const bool padded = pick(2) == 0, bias = pick(2) == 0;
        const std::string same = ", [1, 1], [1, 1]";
        switch (pick(6)) {
            case 0:  // depthwise
                net.conv2d(conv, channels, channels, bias, same + ", [1, 1], " + std::to_string(channels), 3, channels);
                steps.push_back(conv);
                break;
            case 1:  // residual
                net.conv2d(conv, channels, channels, bias, same);
                steps.push_back("x + " + conv + "(x)");
                break;
            case 2:  // side by side
                channels = 4 + pick(5);
                net.conv2d(conv, before, channels, bias, same);
                steps.push_back("torch.cat([x, " + conv + "(x)], 1)");
                channels += before;
                break;
            case 3:  // two groups
                if (channels % 2 == 0) {
                    net.conv2d(conv, channels, 6, bias, same + ", [1, 1], 2", 3, 2);
                    steps.push_back(conv);
                    channels = 6;
                    break;
                }
                [[fallthrough]];
            default:
                channels = 4 + pick(5);
                net.conv2d(conv, before, channels, bias, padded ? same : "", padded ? 3 : 1);
                steps.push_back(conv);
        }
        weights_.push_back(conv + ".weight");
        if (pick(3) == 0) {
            net.batch_norm("norms.n" + std::to_string(i), channels);
            steps.push_back("norms.n" + std::to_string(i));
        }
        steps.push_back(activation());
        between(steps);
    }

    void between(std::vector<std::string>& steps) {
        static const std::vector<std::string> all{
            "torch.max_pool2d(x, [2, 2], [1, 1], [1, 1])",
            "torch.avg_pool2d(x, [2, 2], [1, 1], [1, 1])",
            "torch.avg_pool2d(x, [3, 3], [1, 1], [1, 1], False, False)",
            "torch.constant_pad_nd(x, [1, 1, 1, 1], 0.5)",
            "torch.reflection_pad2d(x, [1, 1, 1, 1])",
            "torch.softmax(x, 1)",
            "torch.layer_norm(x, [x.size(3)])",
            "x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]).contiguous()",
            "torch.transpose(x, 1, 2).transpose(2, 1)",
            "x.unsqueeze(2).squeeze(2)",
            "x / x.size(2)",
            "x / x.size(1)",
            "x - x.mean([2, 3], True)"};
        if (pick(3) == 0) steps.push_back(all[size_t(pick(int(all.size())))]);
    }

    void flatten(Net& net, std::vector<std::string>& steps, int64_t channels) {
        const std::string features = std::to_string(channels * 4);
        const std::vector<std::string> flat{
            "torch.flatten(x, 1)", "x.view(x.size(0), -1)", "x.reshape([-1, " + features + "])",
            "x.view([x.size(0), " + features + "])", "x.view(x.size(0), x.size(1) * 4)"};
        steps.push_back("torch.adaptive_avg_pool2d(x, [2, 2])");
        steps.push_back(flat[size_t(pick(int(flat.size())))]);
        net.linear("head.a", channels * 4, 9, pick(2) == 0)
            .linear("head.b", 9, 9, pick(2) == 0)
            .linear("head.c", 9, 4, pick(2) == 0)
            .layer("norms.head", "LayerNorm", {{"weight", net.random({9})}, {"bias", net.random({9})}},
                   "torch.layer_norm(x, [9], self.weight, self.bias)");
        steps.insert(steps.end(), {"head.a", pick(3) == 0 ? "norms.head" : activation()});
        if (pick(3) == 0) steps.push_back("head.b(x) + head.b(torch.relu(x))");  // one layer, twice
        if (pick(3) == 0) steps.push_back("x + head.b(x)");
        steps.insert(steps.end(), {"head.b", activation(), "head.c"});
        weights_.insert(weights_.end(), {"head.a.weight", "head.b.weight"});
        if (pick(4) == 0) weights_.push_back("head.c.weight");
    }

    static void zero_biases(Module& module, const std::string& weight, const std::vector<int64_t>& rows) {
        const std::string bias = weight.substr(0, weight.rfind('.')) + ".bias";
        if (parameter_of(module, bias).defined()) empty_rows(module, bias, rows);
    }

    std::mt19937 random_;
    std::vector<std::string> weights_;
    std::string text_;
};

TEST(SmallerModels, networks_by_chance_give_the_same_or_say_why_not) {
    int smaller = 0, refused = 0;
    for (uint32_t seed = 0; seed < 200; ++seed) {
        RandomNet maker(seed);
        const Module model = maker.make();
        SCOPED_TRACE(std::to_string(seed) + ": " + maker.text());
        try {
            const auto shrunk = structured::shrink(model, {random_input({3, 3, 8, 8}, seed)}, false);
            EXPECT_LT(parameters_of(shrunk.module), parameters_of(model) + 64);
            // Inputs of other sizes and values than the sample.
            for (const auto& shape : {std::vector<int64_t>{3, 3, 8, 8}, {1, 3, 8, 8}, {4, 3, 11, 9}})
                expect_same(run(model, random_input(shape, seed + 7)),
                            run(shrunk.module, random_input(shape, seed + 7)), to_string(shape));
            ++smaller;
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("nothing can be taken out: "), std::string::npos) << error.what();
            ++refused;
        }
    }
    EXPECT_GT(smaller, 100) << refused << " refused";
}

}  // namespace
}  // namespace lacuna
