// Every conversion from the command line to a file that runs: what `convert` wrote, `eval` evaluates.

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
using namespace testing_support;
using Json = nlohmann::ordered_json;

/// A conversion of a demo network, pruned as it needs it.
struct Case {
    std::string conversion, recipe;
    std::vector<std::string> options;
    double loss_apart;  ///< of the masked network's loss: what the conversion may change
};

void PrintTo(const Case& one, std::ostream* stream) {
    *stream << one.conversion;
}

class Converts : public testing::Test {
  protected:
    void SetUp() override {
        if (!fs::exists(fs::path(LACUNA_CLI).parent_path() / "../lib/liblacuna_torch.so"))
            GTEST_SKIP() << "no LibTorch side";
    }
    std::string recipe(const std::string& name) const { return std::string(LACUNA_RESOURCES) + "/recipes/" + name; }
    Json evaluate(const std::string& model, const std::string& samples) const {
        const Outcome outcome = lacuna_cli({"eval", model, "--data", samples, "--json", "-"});
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        return outcome.status == 0 ? Json::parse(outcome.out) : Json{{"loss", -1}, {"accuracy", -1}, {"samples", 0}};
    }
    Json evaluate(const std::string& model) const { return evaluate(model, data); }
    Outcome convert(const std::string& model, const std::string& to, const std::string& out,
                    std::vector<std::string> more, const std::string& threads = "2") const {
        std::vector<std::string> all{"--threads", threads, "convert", model, "--to", to, "--out", place.at(out)};
        all.insert(all.end(), more.begin(), more.end());
        return lacuna_cli(all);
    }
    Json report() const { return Json::parse(ScratchFolder::read(place.at("report.json"))); }

    Workplace place;
    const std::string demo = std::string(LACUNA_RESOURCES) + "/demo/digits_cnn.pt";
    const std::string data = std::string(LACUNA_RESOURCES) + "/demo/digits_test.safetensors";
    const std::string texts = LACUNA_TEST_DATA "/torch/quantized/fixtures/texts.pt";
};

class EveryConversion : public Converts, public testing::WithParamInterface<Case> {};

TEST_P(EveryConversion, RunsAndGivesTheSameBytesTwiceAndOnAnyNumberOfThreads) {
    std::vector<std::string> more{"--data", data, "--report", place.at("report.json")};
    std::string masked = demo;
    if (!GetParam().recipe.empty()) {
        masked = place.at("masked.pt");
        ASSERT_EQ(lacuna_cli({"prune", demo, "--recipe", recipe(GetParam().recipe), "--out", masked}).status, 0);
        more.insert(more.end(), {"--recipe", recipe(GetParam().recipe)});
    }
    for (const std::string& option : GetParam().options) more.insert(more.end(), {"--option", option});
    std::vector<std::string> files;
    for (const char* threads : {"1", "2", "2"}) {
        const std::string out = "converted" + std::to_string(files.size()) + ".pt";
        const Outcome outcome = convert(demo, GetParam().conversion, out, more, threads);
        ASSERT_EQ(outcome.status, 0) << outcome.err;
        EXPECT_EQ(outcome.err, "");
        files.push_back(ScratchFolder::read(place.at(out)));
    }
    EXPECT_TRUE(files[0] == files[1]) << "1 thread and 2";
    EXPECT_TRUE(files[1] == files[2]) << "under another name";
    const Json before = evaluate(masked), after = evaluate(place.at("converted0.pt")), said = report();
    EXPECT_EQ(after["samples"], 450);
    EXPECT_NEAR(double(after["loss"]), double(before["loss"]), GetParam().loss_apart);
    EXPECT_EQ(said["conversion"], GetParam().conversion);
    EXPECT_FALSE(said["layers"].empty());
    EXPECT_GT(said["samples_compared"], 0);
    EXPECT_EQ(said["bytes_after"], files[0].size());
    if (GetParam().conversion == "smaller") {
        EXPECT_EQ(after["accuracy"], before["accuracy"]);
        EXPECT_LT(said["parameters_after"], 0.9 * double(said["parameters_before"]));
        EXPECT_LT(double(said["largest_difference"]), 1e-5 * double(said["largest_output"]));
        EXPECT_LT(files[0].size(), fs::file_size(demo));
    }
}

INSTANTIATE_TEST_SUITE_P(all, EveryConversion,
                         testing::Values(Case{"smaller", "rows.yaml", {}, 1e-5},
                                         Case{"sparse_quantized_static", "half.yaml", {}, 0.05},
                                         Case{"sparse_quantized_dynamic", "half.yaml", {}, 0.05},
                                         Case{"masked_activations", "", {"sparsity_level=0.1", "layers=all"}, 0.2}));

TEST_F(Converts, EmbeddingTablesByOptionsAndByARecipe) {
    std::vector<int64_t> words;
    for (int64_t i = 0; i < 40 * 6; ++i) words.push_back(i * 7 % 30);
    std::vector<int64_t> labels(40);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = int64_t(i % 3);
    const std::string samples = place.at("texts.safetensors");
    write_safetensors(samples,
                      {tensor_of("inputs", DType::I64, {40, 6}, words), tensor_of("labels", DType::I64, {40}, labels)});
    place.folder.write("tables.yaml",
                       "version: 1\ngroups:\n  - {layers: ['*.weight'], except: [head.weight], sparsifier: data_norm, "
                       "sparsity_level: 0.6}\n");
    const std::string masked = place.at("masked.pt");
    ASSERT_EQ(lacuna_cli({"prune", texts, "--recipe", place.at("tables.yaml"), "--out", masked}).status, 0);
    const std::vector<std::string> by_options{"--option", "sparsity_level=0.6", "--data", samples};
    const std::vector<std::string> by_recipe{"--recipe", place.at("tables.yaml"), "--data", samples, "--report", "-"};
    const Outcome outcome = convert(texts, "quantized_embeddings", "recipe.pt", by_recipe);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(Json::parse(outcome.out)["layers"][0], (Json{{"name", "words.weight"},
                                                           {"before", {30, 8}},
                                                           {"after", Json::array()},
                                                           {"what", "8 bits a value, 144 of 240 values pruned"}}));
    for (const char* threads : {"1", "2"}) {
        ASSERT_EQ(convert(texts, "quantized_embeddings", "options.pt", by_options, threads).status, 0);
        EXPECT_TRUE(ScratchFolder::read(place.at("options.pt")) == ScratchFolder::read(place.at("recipe.pt")));
    }
    EXPECT_NEAR(double(evaluate(place.at("recipe.pt"), samples)["loss"]), double(evaluate(masked, samples)["loss"]),
                0.01);
}

TEST_F(Converts, WhatIsRefusedIsOneLineAndLeavesNothing) {
    const auto before = place.files();
    const auto fails = [&](const std::string& model, const std::string& to, std::vector<std::string> more) {
        const Outcome outcome = convert(model, to, "out.pt", std::move(more));
        EXPECT_EQ(outcome.status, 1) << to;
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
        EXPECT_EQ(place.files(), before) << to;
        return outcome.err;
    };
    EXPECT_THAT(fails(demo, "quantized_embeddings", {}), HasSubstr("has no Embedding or EmbeddingBag layer"));
    EXPECT_THAT(fails(texts, "quantized_embeddings", {"--recipe", recipe("no such.yaml")}), HasSubstr("no such.yaml"));
    EXPECT_THAT(fails(demo, "smaller", {}), HasSubstr("has no row whose weights are all zero"));
    EXPECT_THAT(fails(demo, "sparse_quantized_dynamic", {}), HasSubstr("has no pruned Linear layer"));
    EXPECT_THAT(fails(demo, "sparse_quantized_static", {}), HasSubstr("there is no data"));
    EXPECT_THAT(fails(demo, "masked_activations", {}), HasSubstr("there is no data"));
    EXPECT_THAT(fails(place.at("model.safetensors"), "smaller", {}), HasSubstr("holds weights but no code"));
    EXPECT_THAT(fails(demo, "bigger", {}), HasSubstr("there is none called \"bigger\""));
}

TEST_F(Converts, AFullDiskIsOneLineAndLeavesNothing) {
    const auto before = place.files();
    Program program({"convert", demo, "--recipe", recipe("rows.yaml"), "--to", "smaller", "--out", place.at("out.pt")});
    const Outcome outcome = program.with_room_for(8192).run();
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("out.pt: cannot be written ("), HasSubstr("check the room on its disk")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(place.files(), before);
}

TEST_F(Converts, AllConversionsAreListed) {
    const Json all = Json::parse(lacuna_cli({"conversions", "--json", "-"}).out)["conversions"];
    std::vector<std::string> names;
    for (const Json& one : all) names.push_back(one["name"]);
    EXPECT_THAT(names, testing::ElementsAre("masked_activations", "quantized_embeddings", "smaller",
                                            "sparse_quantized_dynamic", "sparse_quantized_static"));
    std::vector<std::string> options;
    for (const Json& option : all[1]["options"]) options.push_back(option["name"]);
    EXPECT_THAT(options,
                testing::ElementsAre("order", "sparsity_level", "sparse_block_shape", "zeros_per_block", "norm"));
    EXPECT_THAT(lacuna_cli({"conversions"}).out, HasSubstr("quantize_first"));
    EXPECT_THAT(lacuna_cli({"convert", "--help"}).out, HasSubstr("quantized_embeddings"));
}

}  // namespace
}  // namespace lacuna
