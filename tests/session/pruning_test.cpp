#include "engine/session/pruning.h"

#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/base/parallel.h"
#include "engine/session/zeros.h"
#include "tests/session/simple_linear.h"

namespace lacuna {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

Pruning pruned(const CheckpointPtr& checkpoint, const std::string& groups, int steps = 1) {
    const Recipe recipe = parse_recipe("version: 1\ngroups:\n" + groups, "r.yaml");
    Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
    Progress progress;
    for (int i = 0; i < steps; ++i) pruning.step(progress);
    return pruning;
}

constexpr const char* half = "  - {layers: '*', sparsifier: weight_norm, sparse_block_shape: [1, 1]}\n";

TEST(Pruning, MasksAreTheSameOnAnyNumberOfThreads) {
    const ScratchFolder folder;
    std::vector<TestTensor> tensors{random_weights("large", {700, 600}, 1)};
    for (unsigned i = 0; i < 60; ++i) tensors.push_back(random_weights("small." + std::to_string(i), {9, 11}, i));
    const auto checkpoint = open_checkpoint(write_safetensors(folder / "m.safetensors", tensors));
    set_threads(1);
    const Pruning reference = pruned(checkpoint, half);
    for (const int threads : {2, 5}) {
        set_threads(threads);
        const Pruning again = pruned(checkpoint, half);
        ASSERT_EQ(again.groups().size(), 61u);
        for (size_t i = 0; i < 61; ++i)
            EXPECT_EQ(*again.groups()[i].fake_sparsity.mask, *reference.groups()[i].fake_sparsity.mask);
    }
    set_threads(0);
}

TEST(Pruning, StepsKeepWhatIsPruned) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    const Pruning once = pruned(checkpoint, half), twice = pruned(checkpoint, half, 2);
    for (size_t i = 0; i < once.groups().size(); ++i)
        EXPECT_EQ(*once.groups()[i].fake_sparsity.mask, *twice.groups()[i].fake_sparsity.mask);
}

TEST(Pruning, ManySmallTensors) {
    const ScratchFolder folder;
    std::vector<TestTensor> tensors;
    const TestTensor weight = random_weights("", {64, 64}, 3);
    for (int i = 0; i < 20'000; ++i) {
        tensors.push_back(weight);
        tensors.back().name = "layers." + std::to_string(i) + ".weight";
    }
    const auto checkpoint = open_checkpoint(write_safetensors(folder / "m.safetensors", tensors));
    const auto began = std::chrono::steady_clock::now();
    const Pruning pruning = pruned(checkpoint, half);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    RecordProperty("seconds", std::to_string(seconds.count()));
    Progress progress;
    EXPECT_EQ(make_report(pruning, 0, progress).zeros, 20'000 * 2048);
}

/// Three tensors over one storage of six floats: two tied ones and the last two elements, transposed and far apart.
class TiedCheckpoint final : public Checkpoint {
  public:
    TiedCheckpoint() {
        storages_ = {{reinterpret_cast<const std::byte*>(values_), sizeof values_}};
        tensors_ = {{"encoder.weight", DType::F32, {2, 3}, {3, 1}, 0, 0},
                    {"decoder.weight", DType::F32, {3, 2}, {1, 3}, 0, 0},
                    {"tail.weight", DType::F32, {1, 2}, {2, 1}, 0, 16}};
        finish();
    }

  private:
    float values_[6] = {6, 1, 5, 4, 3, 2};
};

TEST(Pruning, TensorsThatShareStorageLoseWhatAnyOfTheirMasksPrunes) {
    const auto checkpoint = std::make_shared<TiedCheckpoint>();
    const Pruning pruning = pruned(
        checkpoint,
        "  - {layers: encoder.weight, sparsifier: weight_norm, sparse_block_shape: [1, 1], sparsity_level: 0.34}\n"
        "  - {layers: decoder.weight, sparsifier: nearly_diagonal, nearliness: 3}\n"
        "  - {layers: tail.weight, sparsifier: weight_norm, sparsity_level: 0}\n");
    // The encoder loses 1 and 2; the decoder, 3 rows of 2, keeps a band and loses the far corner (2, 0), the value 5.
    const MaskSet masks = pruning.masks();
    EXPECT_EQ(masks.at("encoder.weight")->to_bytes(), (std::vector<uint8_t>{1, 0, 0, 1, 1, 0}));
    EXPECT_EQ(masks.at("decoder.weight")->to_bytes(), (std::vector<uint8_t>{1, 1, 0, 1, 0, 0}));
    EXPECT_EQ(masks.at("tail.weight")->to_bytes(), (std::vector<uint8_t>{1, 0}));
    Progress progress;
    EXPECT_EQ(make_report(pruning, 0, progress).zeros, 3 + 3 + 1);
}

/// Four values seen as three equal rows, as torch.Tensor.expand makes them.
class ExpandedCheckpoint final : public Checkpoint {
  public:
    ExpandedCheckpoint() {
        storages_ = {{reinterpret_cast<const std::byte*>(values_), sizeof values_}};
        tensors_ = {{"weight", DType::F32, {3, 4}, {0, 1}, 0, 0}};
        finish();
    }

  private:
    float values_[4] = {1, 2, 3, 4};
};

TEST(Pruning, ATensorThatRepeatsItsStorageLosesAPlaceEverywhere) {
    const auto checkpoint = std::make_shared<ExpandedCheckpoint>();
    const Pruning pruning = pruned(checkpoint,
                                   "  - {layers: weight, sparsifier: weight_norm, sparse_block_shape: [1, 1], "
                                   "sparsity_level: 0.1}\n");  // one weight of twelve, the first of the equal ones
    EXPECT_EQ(pruning.masks().at("weight")->to_bytes(), (std::vector<uint8_t>{0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1}));
    Progress progress;
    EXPECT_EQ(make_report(pruning, 0, progress).zeros, 3);
}

TEST(Report, FollowsTheContract) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder, true);
    const Pruning pruning = pruned(checkpoint, "  - {layers: 'linear*', sparsifier: weight_norm}\n");
    Progress progress;
    const Json json = Json::parse(to_json(make_report(pruning, 1.5, progress)));
    EXPECT_EQ(json.size(), 3u);
    EXPECT_EQ(json["seconds"], 1.5);
    ASSERT_EQ(json["layers"].size(), 2u);
    EXPECT_EQ(json["layers"][0], (Json{{"name", "linear1.weight"},
                                       {"shape", {4, 4}},
                                       {"dtype", "F32"},
                                       {"sparsifier", "weight_norm"},
                                       {"params", 16},
                                       {"zeros", 8},
                                       {"sparsity", 0.5}}));
    EXPECT_EQ(json["total"], (Json{{"params", 56}, {"zeros", 28}, {"sparsity", 0.5}}));
}

TEST(Report, CountsZerosThatWereThereBefore) {
    const ScratchFolder folder;
    const auto checkpoint = open_checkpoint(write_safetensors(
        folder / "m.safetensors", {tensor_of<float>("w", DType::F32, {1, 4}, {0.0f, -0.0f, 1.0f, 2.0f})}));
    const Pruning pruning = pruned(checkpoint, "  - {layers: w, sparsifier: weight_norm, sparsity_level: 0}\n");
    Progress progress;
    EXPECT_EQ(make_report(pruning, 0, progress).zeros, 2);
}

TEST(Report, NamesThatAreNoTextBecomeText) {
    const Report report{{{std::string("a\xff\"b\n"), {1}, DType::F16, "weight_norm", 1, 0}}, 1, 0, 0};
    EXPECT_EQ(Json::parse(to_json(report))["layers"][0]["name"], "a\uFFFD\"b\n");
    EXPECT_EQ(Json::parse(to_json(Report{}))["total"]["sparsity"], 0.0);
}

TEST(Inspection, FollowsTheContract) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder, true);
    Progress progress;
    const Json plain = Json::parse(to_json(inspect(*checkpoint, {}, progress), *checkpoint));
    EXPECT_EQ(plain["format"], "safetensors");
    EXPECT_EQ(plain["file_bytes"], checkpoint->file_bytes());
    EXPECT_EQ(plain["parameters"], checkpoint->parameters());
    EXPECT_EQ(plain["runnable"], false);
    EXPECT_EQ(plain["tensors"][7], (Json{{"name", "steps"}, {"shape", {2, 2}}, {"dtype", "I64"}, {"bytes", 32}}));
    const Json counted = Json::parse(to_json(inspect(*checkpoint, {.zeros = true}, progress), *checkpoint));
    EXPECT_EQ(counted["tensors"][7]["zeros"], 0);
    EXPECT_EQ(counted["tensors"][7]["sparsity"], 0.0);
}

TEST(Zeros, AreToldByValueInEveryType) {
    const auto zeros = [](DType dtype, const auto& values) {
        return count_zeros(contiguous_view(values.data(), dtype, {int64_t(values.size())}));
    };
    EXPECT_EQ(zeros(DType::F64, std::vector<double>{0, -0.0, 1e-320, NAN}), 2) << "subnormals are not zero";
    EXPECT_EQ(zeros(DType::F16, std::vector<uint16_t>{0, 0x8000, 1, 0x7E00}), 2);
    EXPECT_EQ(zeros(DType::BF16, std::vector<uint16_t>{0, 0x8000, 1, 0x3F80}), 2);
    EXPECT_EQ(zeros(DType::I64, std::vector<int64_t>{0, INT64_MAX, INT64_MIN, 1}), 1);
    EXPECT_EQ(zeros(DType::BOOL, std::vector<uint8_t>{0, 1, 0}), 2);
    EXPECT_EQ(zeros(DType::F8_E4M3, std::vector<uint8_t>{0, 0x80, 1}), 2);
    const std::vector<float> complex{0, 0, 0, 1, -0.0f, 0, 2, 0};
    EXPECT_EQ(count_zeros(contiguous_view(complex.data(), DType::C64, {2, 2})), 2);
    EXPECT_EQ(zeros(DType::QI8, std::vector<int8_t>{0, 1}), std::nullopt);
    EXPECT_EQ(zeros(DType::F32, std::vector<float>{}), 0);
}

TEST(Zeros, CountWhatAMaskPrunesOnce) {
    std::vector<float> values(300'000, 1.0f);
    for (size_t i = 0; i < values.size(); i += 3) values[i] = 0;
    Mask mask = Mask::ones({300'000});
    for (int64_t i = 0; i < mask.size(); i += 2) mask.set(i, false);
    EXPECT_EQ(count_zeros(contiguous_view(values.data(), DType::F32, {300'000}), &mask), 200'000);
    TensorView strided = contiguous_view(values.data(), DType::F32, {100, 3});
    strided.strides = {3, 1};
    EXPECT_EQ(count_zeros(strided), 100);
    strided = {strided.data, DType::F32, {3, 100}, {1, 3}};
    EXPECT_EQ(count_zeros(strided), 100);
    EXPECT_ANY_THROW(count_zeros(strided, &mask));
}

TEST(Pruning, TellsItsGroupsInWords) {
    const ScratchFolder folder;
    const auto checkpoint = open_checkpoint(write_safetensors(
        folder / "m.safetensors", {random_weights("a.weight", {4, 4}, 1), random_weights("b.weight", {4, 4}, 2)}));
    Pruning pruning =
        pruned(checkpoint, "  - {layers: 'a*', sparsifier: n_m}\n  - {layers: 'b*', sparsifier: random}\n");
    pruning.enable_mask_update("b.weight", false);
    EXPECT_EQ(pruning.to_string(),
              "2 groups after 1 step\n"
              "  a.weight [4, 4]: n_m, 8 of 16 pruned\n"
              "    m: 4\n"
              "    n: 2\n"
              "    score: masked\n"
              "  b.weight [4, 4]: random, 8 of 16 pruned, frozen\n"
              "    seed: 0\n"
              "    sparse_block_shape: [1, 1]\n"
              "    sparsity_level: 0.5\n");
    Progress progress;
    pruning.step(progress);
    EXPECT_EQ(pruning.to_string().substr(0, 22), "2 groups after 2 steps");
}

}  // namespace
}  // namespace lacuna
