// The frozen masks of torch.ao.pruning 2.11 with a callable norm (make_custom_norm_goldens.py), bit for bit.

#include <gtest/gtest.h>

#include <cmath>

#include "engine/sparsifiers/custom_norm.h"
#include "tests/parity/cases.h"

namespace lacuna::parity {
namespace {

std::unique_ptr<const Sparsifier> elementwise(float (*norm)(float)) {
    return make_weight_norm([norm](std::span<const float> weights, std::span<float> scores) {
        for (size_t i = 0; i < weights.size(); ++i) scores[i] = norm(weights[i]);
    });
}

TEST(CustomNormGoldens, AtenTies) {
    const std::map<std::string, std::unique_ptr<const Sparsifier>> rules = [] {
        std::map<std::string, std::unique_ptr<const Sparsifier>> all;
        all["cube"] = elementwise([](float x) { return x * x * x; });
        all["negated"] = elementwise([](float x) { return -x; });
        all["shifted"] = elementwise([](float x) { return std::abs(x) - 1; });
        return all;
    }();
    const CheckpointPtr file = open_checkpoint(LACUNA_TEST_DATA "/parity/custom_norm_goldens.safetensors");
    const auto tensor = [&](const std::string& name) { return file->view(file->find(name).value()); };
    for (const auto& [name, text] : file->metadata()) {
        const size_t space = text.find(' ');
        const Case one = parse_case(text.substr(space + 1));
        const TensorView weight = tensor(name + ".weight");
        Mask mask = Mask::ones(weight.shape);
        for (int step = 0; step < one.steps; ++step)
            mask =
                rules.at(text.substr(0, space))
                    ->compute(
                        {.weight = weight, .current = &mask, .options = &one.options, .ties = one.ties, .name = name});
        EXPECT_EQ((mask ^ unpacked(tensor(name + ".aten"), mask.shape())).kept(), 0)
            << name << ": " << text << " on " << to_string(mask.shape()) << " " << dtype_name(weight.dtype);
    }
    EXPECT_EQ(file->metadata().size(), 90u);
}

}  // namespace
}  // namespace lacuna::parity
