// Rules that look at a layer's input, on the command line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace testing_support;

class Calibrate : public testing::Test {
  protected:
    std::vector<std::string> prune(const std::string& model, const std::string& out, std::vector<std::string> more) {
        std::vector<std::string> all{"prune", model, "--recipe", recipes + "wanda.yaml", "--out", place.at(out)};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    Workplace place;
    std::string demo = std::string(LACUNA_RESOURCES) + "/demo/", recipes = std::string(LACUNA_RESOURCES) + "/recipes/";
    std::string data = demo + "digits_test.safetensors";
};

TEST_F(Calibrate, WithoutASourcePruneSaysWhatToDo) {
    const Outcome outcome = lacuna_cli(prune(demo + "digits_cnn.pt", "out.pt", {}));
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("conv1.weight"), HasSubstr("--data"), HasSubstr("--activations")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_FALSE(fs::exists(place.at("out.pt")));
    EXPECT_EQ(lacuna_cli(prune(demo + "digits_cnn.pt", "out.pt", {"--data", data, "--activations", "seen"})).status, 2);
}

TEST_F(Calibrate, AnActivationsFileNeedsNoLibTorch) {
    const std::vector<double> squares{1, 4, 9, 16};
    write_safetensors(place.at("seen.safetensors"), {tensor_of<double>("fc.weight", DType::F64, {4}, squares)},
                      {{"rows.fc.weight", "10"}, {"weight_dim.fc.weight", "1"}});
    write_safetensors(place.at("one.safetensors"),
                      {tensor_of<float>("fc.weight", DType::F32, {1, 4}, {4, 3, 2, 1.9f})});
    Program program(prune(place.at("one.safetensors"), "out.safetensors",
                          {"--activations", place.at("seen.safetensors"), "--masks", place.at("masks.safetensors")}));
    const Outcome outcome = program.with("LACUNA_TORCH_LIBRARY", "/nowhere/liblacuna_torch.so").run();
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const std::string masks = ScratchFolder::read(place.at("masks.safetensors"));
    EXPECT_EQ(masks.substr(masks.size() - 4), std::string({0, 0, 1, 1}).substr(0, 4)) << "4·1, 3·2, 2·3, 1.9·4";
    write_safetensors(place.at("two.safetensors"),
                      {random_weights("fc.weight", {1, 4}), random_weights("head.weight", {2, 4})});
    const Outcome by_glob = lacuna_cli(
        prune(place.at("two.safetensors"), "other", {"--activations", place.at("seen.safetensors"), "--report", "-"}));
    EXPECT_EQ(by_glob.status, 0);
    EXPECT_THAT(by_glob.err, HasSubstr("1 weight without a known input left out: head.weight"));
    EXPECT_EQ(nlohmann::json::parse(by_glob.out)["layers"].size(), 1u);
    place.folder.write("named.yaml", "version: 1\ngroups:\n  - layers: ['*', head.weight]\n    sparsifier: wanda\n");
    const Outcome named = lacuna_cli({"prune", place.at("two.safetensors"), "--recipe", place.at("named.yaml"), "--out",
                                      place.at("third"), "--activations", place.at("seen.safetensors")});
    EXPECT_EQ(named.status, 1);
    EXPECT_THAT(named.err, AllOf(HasSubstr("head.weight: the activations file says nothing of it"),
                                 Not(HasSubstr("--activations FILE"))));
    EXPECT_FALSE(fs::exists(place.at("third")));
}

TEST_F(Calibrate, DataAndAFileOfTheSameDataGiveTheSameMasks) {
    if (!LACUNA_WITH_TORCH) GTEST_SKIP() << "built without LibTorch";
    const std::string seen = place.at("seen.safetensors");
    const Outcome calibrated = lacuna_cli({"calibrate", demo + "digits_cnn.pt", "--data", data, "--out", seen});
    ASSERT_EQ(calibrated.status, 0) << calibrated.err;
    EXPECT_THAT(calibrated.out, AllOf(HasSubstr("4 weights"), HasSubstr("450 samples")));
    const Outcome by_data = lacuna_cli(
        prune(demo + "digits_cnn.pt", "a.pt", {"--data", data, "--masks", place.at("a.masks"), "--report", "-"}));
    ASSERT_EQ(by_data.status, 0) << by_data.err;
    EXPECT_NEAR(nlohmann::json::parse(by_data.out)["total"]["sparsity"].get<double>(), 0.5, 0.01);
    const Outcome by_file = lacuna_cli(prune(demo + "digits_cnn.safetensors", "b.safetensors",
                                             {"--activations", seen, "--masks", place.at("b.masks")}));
    ASSERT_EQ(by_file.status, 0) << by_file.err;
    EXPECT_EQ(ScratchFolder::read(place.at("a.masks")), ScratchFolder::read(place.at("b.masks")));

    const Outcome by_recipe = lacuna_cli({"calibrate", demo + "digits_cnn.pt", "--data", data, "--out", place.at("c"),
                                          "--recipe", recipes + "wanda.yaml"});
    ASSERT_EQ(by_recipe.status, 0) << by_recipe.err;
    EXPECT_EQ(ScratchFolder::read(seen), ScratchFolder::read(place.at("c")));
    const Outcome nobody = lacuna_cli({"calibrate", demo + "digits_cnn.pt", "--data", data, "--out", place.at("d"),
                                       "--recipe", recipes + "half.yaml"});
    EXPECT_EQ(nobody.status, 1);
    EXPECT_THAT(nobody.err, HasSubstr("no rule of it looks"));
}

TEST_F(Calibrate, AFullDiskNamesTheFileThatWasMeant) {
    if (!LACUNA_WITH_TORCH) GTEST_SKIP() << "built without LibTorch";
    const auto before = place.files();
    Program program({"calibrate", demo + "digits_cnn.pt", "--data", data, "--out", place.at("seen")});
    const Outcome outcome = program.with_room_for(400).run();
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("error: " + place.at("seen") + ": cannot be written"));
    EXPECT_EQ(place.files(), before);
}

/// A class token and positions are added, not multiplied: "*" means the others.
TEST_F(Calibrate, AGlobLeavesOutWhatHasNoInput) {
    if (!LACUNA_WITH_TORCH) GTEST_SKIP() << "built without LibTorch";
    const Outcome outcome = lacuna_cli(prune(demo + "digits_transformer.pt", "out.pt", {"--data", data}));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("without a known input left out: "));
}

TEST_F(Calibrate, AModelWithoutCodeSaysSo) {
    const Outcome outcome = lacuna_cli(prune(demo + "digits_cnn.safetensors", "out.safetensors", {"--data", data}));
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("no code"));
    EXPECT_FALSE(fs::exists(place.at("out.safetensors")));
}

}  // namespace
}  // namespace lacuna
