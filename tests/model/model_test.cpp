#include "engine/model/model.h"

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/formats/formats.h"

namespace lacuna {
namespace {

using testing::ElementsAre;

/// A checkpoint of headers alone.
class FakeCheckpoint : public Checkpoint {
  public:
    FakeCheckpoint(std::vector<TensorInfo> tensors, std::vector<LayerInfo> layers = {}) {
        tensors_ = std::move(tensors);
        layers_ = std::move(layers);
        finish();
    }
};

TensorInfo tensor(std::string name, Shape shape, DType dtype = DType::F32, TensorRole role = TensorRole::unknown) {
    TensorInfo info;
    info.name = std::move(name);
    info.shape = shape;
    info.strides = contiguous_strides(shape);
    info.dtype = dtype;
    info.role = role;
    return info;
}

Model model_of(std::vector<TensorInfo> tensors, std::vector<LayerInfo> layers = {}) {
    return Model(std::make_shared<FakeCheckpoint>(std::move(tensors), std::move(layers)));
}

std::string type_of(const std::string& layer, std::vector<std::pair<std::string, Shape>> tensors) {
    std::vector<TensorInfo> infos;
    for (auto& [name, shape] : tensors) infos.push_back(tensor(layer + "." + name, shape));
    const Model model = model_of(std::move(infos));
    EXPECT_EQ(model.layer_of(0).type_guessed, !model.layer_of(0).type.empty());
    return model.layer_of(0).type;
}

TEST(ModelTest, NamesBecomeATree) {
    const Model model = model_of({tensor("b.0.fc.weight", {4, 3}), tensor("b.0.fc.bias", {4}), tensor("top", {2}),
                                  tensor("b.1.weight", {5, 5}), tensor("a.weight", {1})});
    std::vector<std::string> names;
    for (const Layer& layer : model.layers()) names.push_back(layer.fqn);
    EXPECT_THAT(names, ElementsAre("", "b", "b.0", "b.0.fc", "b.1", "a"));
    EXPECT_THAT(model.layers()[0].children, ElementsAre(1, 5));
    EXPECT_THAT(model.layers()[0].tensors, ElementsAre(2));
    EXPECT_THAT(model.layers()[3].tensors, ElementsAre(0, 1));
    EXPECT_EQ(model.layers()[3].name, "fc");
    EXPECT_EQ(model.layers()[3].parent, 2u);
    EXPECT_EQ(model.layers()[0].parameters, 12 + 4 + 2 + 25 + 1);
    EXPECT_EQ(model.layers()[1].parameters, 41);
    EXPECT_EQ(&model.layer_of(3), &model.layers()[4]);
}

TEST(ModelTest, NamesOfVeryManyOrLongPartsDoNotAddUp) {
    std::string dots, longs(3000, 'x');
    for (int i = 0; i < 20'000; ++i) dots += "a.";
    for (int i = 0; i < 5; ++i) longs += "." + std::string(3000, 'y');
    const Model model = model_of({tensor(dots + "weight", {2}), tensor(longs + ".weight", {3})});
    EXPECT_EQ(model.layers().size(), 1u + 64 + 2);
    EXPECT_EQ(model.layer_of(0).fqn + ".weight", dots + "weight") << "the last layer's own name is all that is left";
    EXPECT_EQ(model.layer_of(0).name, dots.substr(2 * 63, dots.size() - 2 * 63 - 1));
    EXPECT_EQ(model.layer_of(1).name.size(), 5u * 3001 - 1);
    EXPECT_EQ(model.layers()[0].parameters, 5);
}

TEST(ModelTest, TypesOfTheFileComeFirst) {
    const Model model = model_of({tensor("f.0.weight", {4, 3})},
                                 {{"", "Net"}, {"f", "Sequential"}, {"f.0", "MyLinear"}, {"f.1", "ReLU"}});
    EXPECT_EQ(model.layers()[0].type, "Net");
    EXPECT_EQ(model.layer_of(0).type, "MyLinear");
    EXPECT_FALSE(model.layer_of(0).type_guessed);
    EXPECT_EQ(model.layers().back().type, "ReLU");
}

TEST(ModelTest, OtherTypesAreToldFromNamesAndShapes) {
    EXPECT_EQ(type_of("fc", {{"weight", {4, 3}}, {"bias", {4}}}), "Linear");
    EXPECT_EQ(type_of("embed_tokens", {{"weight", {40, 3}}}), "Embedding");
    EXPECT_EQ(type_of("embed_proj", {{"weight", {40, 3}}, {"bias", {40}}}), "Linear");
    EXPECT_EQ(type_of("c", {{"weight", {4, 3, 3}}}), "Conv1d");
    EXPECT_EQ(type_of("c", {{"weight", {4, 3, 3, 3}}}), "Conv2d");
    EXPECT_EQ(type_of("c", {{"weight", {4, 3, 3, 3, 3}}}), "Conv3d");
    EXPECT_EQ(type_of("bn", {{"weight", {4}}, {"bias", {4}}, {"running_mean", {4}}}), "BatchNorm");
    EXPECT_EQ(type_of("ln", {{"weight", {4}}, {"bias", {4}}}), "Norm");
    EXPECT_EQ(type_of("rnn", {{"weight_ih_l0", {16, 3}}, {"weight_hh_l0", {16, 4}}}), "LSTM");
    EXPECT_EQ(type_of("rnn", {{"weight_ih_l0", {12, 3}}, {"weight_hh_l0", {12, 4}}}), "GRU");
    EXPECT_EQ(type_of("rnn", {{"weight_ih_l0", {4, 3}}, {"weight_hh_l0", {4, 4}}}), "RNN");
    EXPECT_EQ(type_of("attn", {{"in_proj_weight", {12, 4}}}), "MultiheadAttention");
    EXPECT_EQ(type_of("x", {{"scale", {1}}}), "");
}

TEST(ModelTest, StarTakesFloatingMatricesThatAreWeights) {
    EXPECT_TRUE(prunable_by_default(tensor("a.weight", {2, 2})));
    EXPECT_TRUE(prunable_by_default(tensor("a.weight", {2, 2, 3, 3}, DType::BF16)));
    EXPECT_TRUE(prunable_by_default(tensor("a.weight", {2, 2}, DType::F8_E4M3, TensorRole::parameter)));
    EXPECT_FALSE(prunable_by_default(tensor("a.bias", {2})));
    EXPECT_FALSE(prunable_by_default(tensor("a.weight", {2, 2}, DType::I8)));
    EXPECT_FALSE(prunable_by_default(tensor("a.weight", {2, 2}, DType::F32, TensorRole::buffer)));
    EXPECT_FALSE(prunable_by_default(tensor("a.weight", {0, 2})));
    EXPECT_FALSE(prunable_by_default(tensor("optimizer.state.0.exp_avg", {2, 2})));
    EXPECT_FALSE(prunable_by_default(tensor("ckpt.optimizer_state.0", {2, 2})));
    EXPECT_FALSE(prunable_by_default(tensor("sparsifier.state.0.weight.mask", {2, 2})));
    EXPECT_EQ(why_not_prunable(tensor("n", {2}, DType::I64)), "is I64, not floating");
    EXPECT_EQ(why_not_prunable(tensor("a.bias", {2})), "");
}

TEST(ModelTest, ParametersLeaveOutBuffersAndOptimizerState) {
    const FakeCheckpoint file({tensor("w", {2, 3}), tensor("mean", {7}, DType::F32, TensorRole::buffer),
                               tensor("optimizer.exp_avg", {2, 3})});
    EXPECT_EQ(file.parameters(), 6);
}

TEST(CheckpointTest, TwoEqualNamesAreAnError) {
    EXPECT_THROW(FakeCheckpoint({tensor("w", {2}), tensor("w", {3})}), Error);
}

TEST(CheckpointTest, FormatsAreKnownByName) {
    for (const Format format : {Format::safetensors, Format::safetensors_sharded, Format::torch_zip,
                                Format::torch_legacy, Format::torchscript})
        EXPECT_EQ(format_from_name(format_name(format)), format);
    EXPECT_EQ(format_from_name("onnx"), std::nullopt);
}

}  // namespace
}  // namespace lacuna
