// Models that Python prepared, as scripts prune them. What PyTorch makes of the files is in session/peer_prepared.py.

#include <gmock/gmock.h>

#include "engine/formats/formats.h"
#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

class PreparedModel : public testing::Test {
  protected:
    void SetUp() override {
        write_safetensors(place.folder / "model.safetensors",
                          {random_weights("fc.parametrizations.weight.original", {4, 8}, 1),
                           tensor_of<uint8_t>("fc.parametrizations.weight.0.mask", DType::BOOL, {4, 8}, half()),
                           random_weights("fc.bias", {4}, 2), random_weights("out.weight_orig", {3, 4}, 3),
                           tensor_of<float>("out.weight_mask", DType::F32, {3, 4}, std::vector<float>(12, 1)),
                           random_weights("last.weight", {2, 3}, 4)},
                          {{"note", "kept"}});
    }
    static std::vector<uint8_t> half() {
        std::vector<uint8_t> keep(32);
        for (size_t i = 0; i < keep.size(); ++i) keep[i] = i % 2;
        return keep;
    }
    Outcome prune(const std::vector<std::string>& more = {}) const { return lacuna_cli(place.prune_arguments(more)); }
    static std::vector<std::string> names(const Checkpoint& checkpoint) {
        std::vector<std::string> names;
        for (const TensorInfo& tensor : checkpoint.tensors()) names.push_back(tensor.name);
        return names;
    }
    static std::vector<std::string> layers(const std::string& report) {
        const Json json = Json::parse(report);
        std::vector<std::string> names;
        for (const Json& layer : json["layers"]) names.push_back(layer["name"]);
        return names;
    }

    Workplace place;
};

TEST_F(PreparedModel, InspectListsItUnderTheFilesNamesAndMasksAreNoParameters) {
    const Json json = Json::parse(lacuna_cli({"inspect", place.at("model.safetensors"), "--json", "-"}).out);
    EXPECT_EQ(json["tensors"].size(), 6u);
    EXPECT_EQ(json["tensors"][1]["name"], "fc.parametrizations.weight.0.mask");
    EXPECT_EQ(json["parameters"], 32 + 4 + 12 + 6);
}

TEST_F(PreparedModel, InspectSumsWhatTheLayersComputeWith) {
    const Outcome outcome = lacuna_cli({"inspect", place.at("model.safetensors"), "--patterns"});
    EXPECT_THAT(outcome.out, testing::ContainsRegex("total +[0-9.]+ k?B +16 +29.63 %")) << "16 of the 54 parameters";
    const Json json =
        Json::parse(lacuna_cli({"inspect", place.at("model.safetensors"), "--patterns", "--json", "-"}).out);
    EXPECT_EQ(json["tensors"][0]["zeros"], 0) << "what lies in the file";
    EXPECT_EQ(json["tensors"][1]["zeros"], 16);
    int64_t zeros = 0, params = 0;
    for (const Json& layer : json["layers"]) zeros += int64_t(layer["zeros"]), params += int64_t(layer["params"]);
    EXPECT_EQ(zeros, 16);
    EXPECT_EQ(params, 54);
}

TEST_F(PreparedModel, GoesOnFromItsMasksAndWritesThem) {
    const Outcome outcome = prune({"--masks", place.at("masks"), "--report", "-"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const CheckpointPtr source = open_checkpoint(place.at("model.safetensors")), out = open_checkpoint(place.at("out"));
    EXPECT_EQ(names(*out), names(*source));
    EXPECT_EQ(out->metadata(), source->metadata());
    const MaskSet masks = read_masks(place.at("masks"));
    const Mask& mask = *masks.at("fc.parametrizations.weight.original");
    EXPECT_EQ(Mask::from_tensor(out->view(1)), mask);
    EXPECT_EQ(Mask::from_tensor(out->view(0)), mask);
    EXPECT_EQ(*masks.at("out.weight_orig"), Mask::from_tensor(out->view(4)));
    EXPECT_THAT(layers(outcome.out),
                ElementsAre("fc.parametrizations.weight.original", "out.weight_orig", "last.weight"));
    // Blocks of 4 in which every other weight counts as 0: other blocks than without the masks.
    write_safetensors(place.folder / "model.safetensors", {random_weights("fc.weight", {4, 8}, 1)});
    ASSERT_EQ(prune({"--masks", place.at("masks")}).status, 0);
    EXPECT_NE(*read_masks(place.at("masks")).at("fc.weight"), mask);
}

TEST_F(PreparedModel, SquashedNamesAreThoseOfThePlainModelEverywhere) {
    const Outcome outcome = prune({"--squash-names", "--masks", place.at("masks"), "--report", "-"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const CheckpointPtr out = open_checkpoint(place.at("out"));
    EXPECT_THAT(names(*out), ElementsAre("fc.weight", "fc.bias", "out.weight", "last.weight"));
    EXPECT_EQ(out->metadata().at("note"), "kept");
    EXPECT_THAT(layers(outcome.out), ElementsAre("fc.weight", "out.weight", "last.weight"));
    const MaskSet masks = read_masks(place.at("masks"));
    EXPECT_EQ(*masks.at("fc.weight"), Mask::from_tensor(out->view(0)));
    // The recipe serves the plain model too, whose masks now begin with these zeros.
    std::filesystem::rename(place.at("out"), place.at("model.safetensors"));
    place.folder.write("half.yaml",
                       "version: 1\ngroups:\n  - {layers: fc.weight, sparsifier: weight_norm, sparsity_level: 0.5}\n");
    ASSERT_EQ(prune({"--masks", place.at("masks")}).status, 0);
    EXPECT_EQ(*read_masks(place.at("masks")).at("fc.weight") - *masks.at("fc.weight"), Mask::zeros({4, 8}));
}

TEST_F(PreparedModel, TensorsThatTheRecipeLeavesOutAreSquashedWithTheFilesMask) {
    place.folder.write("half.yaml", "version: 1\ngroups:\n  - {layers: out.weight, sparsifier: weight_norm}\n");
    const Outcome outcome = prune({"--squash-names", "--masks", place.at("masks"), "--report", "-"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(Mask::from_tensor(open_checkpoint(place.at("out"))->view(0)), Mask::from_bytes({4, 8}, half()));
    EXPECT_THAT(layers(outcome.out), ElementsAre("out.weight"));
    EXPECT_EQ(*read_masks(place.at("masks")).at("fc.weight"), Mask::from_bytes({4, 8}, half()));
}

TEST_F(PreparedModel, SquashedShardsBecomeOneFile) {
    std::filesystem::rename(place.at("model.safetensors"), place.at("m-1.safetensors"));
    Json map;
    for (const std::string& name : names(*open_checkpoint(place.at("m-1.safetensors")))) map[name] = "m-1.safetensors";
    place.folder.write("model.safetensors", Json{{"weight_map", map}}.dump());
    const Outcome outcome = prune({"--squash-names"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_TRUE(open_checkpoint(place.at("out"))->find("fc.weight").has_value());
    EXPECT_EQ(open_checkpoint(place.at("out"))->format(), Format::safetensors);
    std::filesystem::create_directory(place.at("folder"));
    auto into_folder = place.prune_arguments({"--squash-names"});
    into_folder[5] = place.at("folder");
    EXPECT_EQ(lacuna_cli(into_folder).status, 1);
    EXPECT_EQ(prune({"--squash-names", "--format", "safetensors-sharded"}).status, 1);
}

TEST_F(PreparedModel, WithoutPreparedTensorsNamesStay) {
    write_safetensors(place.folder / "model.safetensors", {random_weights("fc.weight", {4, 8}, 1)});
    const Outcome outcome = prune({"--squash-names"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.err, HasSubstr("no tensor of this model is prepared"));
    EXPECT_THAT(names(*open_checkpoint(place.at("out"))), ElementsAre("fc.weight"));
}

TEST_F(PreparedModel, OneLineSaysWhatIsWrongAndNothingIsWritten) {
    const auto refused = [&](const std::vector<std::string>& more, const std::string& why) {
        const auto before = place.files();
        const Outcome outcome = prune(more);
        EXPECT_EQ(outcome.status, 1);
        EXPECT_THAT(outcome.err, HasSubstr(why));
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
        EXPECT_EQ(place.files(), before);
    };
    place.folder.write("half.yaml", "version: 1\ngroups:\n  - {layers: out.weight_mask, sparsifier: weight_norm}\n");
    refused({}, "half.yaml:3: layers: out.weight_mask cannot be pruned: is the mask of out.weight_orig");
    place.folder.write("half.yaml", "version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm}\n");
    write_safetensors(place.folder / "model.safetensors",
                      {random_weights("a.weight_orig", {2, 4}, 1), random_weights("a.weight_mask", {4, 2}, 2)});
    refused({}, "a.weight_orig cannot be pruned: the file's mask of it, a.weight_mask, has shape [4, 2]");
    write_safetensors(place.folder / "model.safetensors",
                      {random_weights("a.weight_orig", {2, 4}, 1), random_weights("a.weight_mask", {2, 4}, 2)});
    refused({}, "a.weight_mask: is a mask that holds other values than 0 and 1");
    write_safetensors(
        place.folder / "model.safetensors",
        {random_weights("a.parametrizations.weight.original", {2, 4}, 1), random_weights("a.weight", {2, 4}, 2)});
    refused({"--squash-names"}, "two tensors would be called a.weight");
}

}  // namespace
}  // namespace lacuna
