// The headless contract: what scripts outside this repository rely on.
#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/formats/formats.h"
#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace testing_support;
using Json = nlohmann::ordered_json;

std::vector<std::string> keys_of(const Json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.push_back(key);
    return keys;
}

class Contract : public testing::Test {
  protected:
    Outcome prune(std::vector<std::string> more = {}) const {
        return lacuna_cli(place.prune_arguments(std::move(more)));
    }
    Workplace place;
};

TEST_F(Contract, HelpAndVersionGoToStandardOutput) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--help"},
                                                      {"inspect", "--help"},
                                                      {"prune", "-h"},
                                                      {"eval", "--help"},
                                                      {"sparsifiers", "--help"},
                                                      {"schedulers", "--help"},
                                                      {"recipe", "--help"}}) {
        const Outcome outcome = lacuna_cli(arguments);
        EXPECT_EQ(outcome.status, 0);
        EXPECT_THAT(outcome.out, HasSubstr("Example:"));
        EXPECT_THAT(outcome.out, HasSubstr("Exit status: 0 done; 1 failed"));
        EXPECT_EQ(outcome.err, "");
    }
    EXPECT_EQ(lacuna_cli({"--version"}).out.substr(0, 11), "lacuna-cli ");
}

TEST_F(Contract, InspectWritesItsSchema) {
    const Outcome outcome = lacuna_cli({"inspect", place.at("model.safetensors"), "--json", "-"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.err, "");
    const Json json = Json::parse(outcome.out);
    EXPECT_THAT(keys_of(json), ElementsAre("format", "file_bytes", "parameters", "runnable", "tensors"));
    EXPECT_EQ(json["format"], "safetensors");
    EXPECT_EQ(json["file_bytes"], fs::file_size(place.at("model.safetensors")));
    EXPECT_EQ(json["parameters"], 640 + 2048 + 64 + 288 + 4);
    EXPECT_EQ(json["runnable"], false);
    ASSERT_EQ(json["tensors"].size(), 5u);
    EXPECT_EQ(json["tensors"][3],
              (Json{{"name", "conv.weight"}, {"shape", {8, 4, 3, 3}}, {"dtype", "F32"}, {"bytes", 1152}}));
}

TEST_F(Contract, InspectCountsZerosWhereAsked) {
    const Outcome outcome =
        lacuna_cli({"inspect", place.at("model.safetensors"), "--sparsity", "--json", place.at("i.json")});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.out, "");
    const Json json = Json::parse(ScratchFolder::read(place.at("i.json")));
    EXPECT_THAT(keys_of(json["tensors"][4]), ElementsAre("name", "shape", "dtype", "bytes", "zeros", "sparsity"));
    EXPECT_EQ(json["tensors"][4]["zeros"], 1);
    EXPECT_EQ(json["tensors"][4]["sparsity"], 0.25);
}

TEST_F(Contract, InspectFindsPatternsWhereAsked) {
    place.folder.write("half.yaml",
                       "version: 1\ngroups:\n  - {layers: ['fc*.weight', conv.weight], sparsifier: n_m}\n");
    ASSERT_EQ(lacuna_cli(place.prune_arguments()).status, 0);
    const Json json =
        Json::parse(lacuna_cli({"inspect", place.at("out"), "--patterns", "--tile", "1", "4", "--json", "-"}).out);
    EXPECT_THAT(keys_of(json["tensors"][1]),
                ElementsAre("name", "shape", "dtype", "bytes", "zeros", "sparsity", "rows", "columns", "tiles", "n_m"));
    for (const char* key : {"rows", "columns", "tiles"}) EXPECT_EQ(json["tensors"][1][key]["zero"], 0) << key;
    EXPECT_EQ(json["tensors"][1]["rows"]["count"], 64);
    EXPECT_EQ(json["tensors"][1]["columns"]["count"], 32);
    EXPECT_EQ(json["tensors"][1]["tiles"]["shape"], (Json{1, 4}));
    EXPECT_EQ(json["tensors"][1]["tiles"]["count"], 64 * 8);
    for (const size_t pruned : {0u, 1u, 3u}) {  // the convolution's groups run along its input channels
        EXPECT_EQ(json["tensors"][pruned]["n_m"]["2:4"], 1.0);
        EXPECT_EQ(json["tensors"][pruned]["n_m"]["1:4"], 0.0);
    }
    for (const size_t pruned : {0u, 1u}) EXPECT_EQ(json["tensors"][pruned]["n_m"]["4:8"], 1.0);
    EXPECT_TRUE(json["tensors"][3]["n_m"]["4:8"].is_null()) << "it has four channels";
    EXPECT_FALSE(json["tensors"][2].contains("rows")) << "a bias is no matrix";
    ASSERT_EQ(json["layers"].size(), 4u);
    EXPECT_EQ(json["layers"][1],
              (Json{{"name", "fc1"}, {"params", 2112}, {"zeros", 1024}, {"sparsity", 1024 / 2112.0}}));
    const std::string table = lacuna_cli({"inspect", place.at("out"), "--patterns"}).out;
    EXPECT_THAT(table, HasSubstr("zero 16x16"));
    EXPECT_THAT(table, HasSubstr("100.00 %"));
}

TEST_F(Contract, InspectSaysNothingOfPatternsThatCannotBe) {
    write_safetensors(place.folder / "m.safetensors",
                      {random_weights("dw.weight", {16, 1, 3, 3}, 1), random_weights("none.weight", {0, 5}, 2)});
    const Json json = Json::parse(lacuna_cli({"inspect", place.at("m.safetensors"), "--patterns", "--json", "-"}).out);
    for (const char* pattern : {"1:4", "2:4", "4:8"})
        EXPECT_TRUE(json["tensors"][0]["n_m"][pattern].is_null()) << pattern;
    const std::string table = lacuna_cli({"inspect", place.at("m.safetensors"), "--patterns"}).out;
    EXPECT_THAT(table, testing::ContainsRegex("dw.weight.*0 of 16 +0 of 9 +0 of 1 +– +– +–"));
    EXPECT_THAT(table, testing::ContainsRegex("none.weight.* – +– +– +– +– +–"));
}

TEST_F(Contract, InspectReadsNoDataUnlessAsked) {
    const std::string header =
        R"({"w":{"dtype":"F32","shape":[1000000,2500],"data_offsets":[0,10000000000]}})" + std::string(2, ' ');
    std::string start(8, '\0');
    start[0] = char(header.size());
    place.folder.write("huge", start + header);
    fs::resize_file(place.at("huge"), 8 + header.size() + 10'000'000'000);  // a hole: takes no room on the disk
    const auto began = std::chrono::steady_clock::now();
    const Outcome outcome = lacuna_cli({"inspect", place.at("huge"), "--json", "-"});
    RecordProperty("seconds",
                   std::to_string(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(Json::parse(outcome.out)["parameters"], 2'500'000'000);
    EXPECT_LT(outcome.peak_kilobytes, 200'000);
}

TEST_F(Contract, MemoryIsBoundByTheLargestTensorNotTheFile) {
    constexpr size_t tensors = 16, bytes = 16 << 20;
    Json header;
    for (size_t i = 0; i < tensors; ++i)
        header["w" + std::to_string(i)] = {
            {"dtype", "F32"}, {"shape", {2048, 2048}}, {"data_offsets", {i * bytes, (i + 1) * bytes}}};
    const std::string text = header.dump();
    std::string start(8, '\0');
    for (size_t i = 0; i < 4; ++i) start[i] = char(text.size() >> 8 * i);
    place.folder.write("model.safetensors", start + text);
    fs::resize_file(place.at("model.safetensors"), 8 + text.size() + tensors * bytes);
    EXPECT_LT(lacuna_cli({"inspect", place.at("model.safetensors"), "--sparsity"}).peak_kilobytes, 100'000);
    const Outcome outcome = prune({"--masks", place.at("masks"), "--report", "-"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(Json::parse(outcome.out)["total"]["sparsity"], 1.0);
    EXPECT_LT(outcome.peak_kilobytes, 150'000);
}

TEST_F(Contract, PruneWritesItsThreeFiles) {
    const Outcome outcome = prune({"--masks", place.at("masks"), "--report", place.at("report")});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "") << "no progress in a pipe";
    EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b"))) << "no colour in a pipe";

    const CheckpointPtr source = open_checkpoint(place.at("model.safetensors")), out = open_checkpoint(place.at("out"));
    const MaskSet masks = read_masks(place.at("masks"));
    EXPECT_EQ(out->metadata(), source->metadata());
    ASSERT_EQ(out->tensors().size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
        const TensorInfo &before = source->tensors()[i], &after = out->tensors()[i];
        EXPECT_EQ(after.name, before.name);
        EXPECT_EQ(after.shape, before.shape);
        EXPECT_EQ(after.dtype, before.dtype);
        std::vector<std::byte> expected(before.bytes()), written(after.bytes());
        const auto mask = masks.find(before.name);
        if (mask == masks.end())
            copy_contiguous(source->view(i), expected.data());
        else
            apply_mask(*mask->second, source->view(i), expected.data());
        copy_contiguous(out->view(i), written.data());
        EXPECT_EQ(written, expected) << before.name;
    }

    const CheckpointPtr mask_file = open_checkpoint(place.at("masks"));
    ASSERT_EQ(mask_file->tensors().size(), 3u);
    for (const TensorInfo& info : mask_file->tensors()) {
        EXPECT_EQ(info.dtype, DType::U8);
        EXPECT_EQ(info.shape, source->tensors()[source->find(info.name).value()].shape);
    }

    const Json report = Json::parse(ScratchFolder::read(place.at("report")));
    EXPECT_THAT(keys_of(report), ElementsAre("layers", "total", "seconds"));
    ASSERT_EQ(report["layers"].size(), 3u);
    EXPECT_EQ(report["layers"][1], (Json{{"name", "fc1.weight"},
                                         {"shape", {64, 32}},
                                         {"dtype", "F32"},
                                         {"sparsifier", "weight_norm"},
                                         {"params", 2048},
                                         {"zeros", 1024},
                                         {"sparsity", 0.5}}));
    EXPECT_EQ(report["total"], (Json{{"params", 2976}, {"zeros", 1488}, {"sparsity", 0.5}}));
    EXPECT_GT(report["seconds"].get<double>(), 0);
}

TEST_F(Contract, AReportOnStandardOutputStandsAlone) {
    const Outcome outcome = prune({"--report", "-"});
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(Json::parse(outcome.out)["total"]["zeros"], 1488);
    EXPECT_EQ(outcome.err, "");
}

TEST_F(Contract, TheSameBytesOnAnyNumberOfThreads) {
    ASSERT_EQ(prune({"--threads", "1", "--masks", place.at("masks")}).status, 0);
    const std::string out = ScratchFolder::read(place.at("out")), masks = ScratchFolder::read(place.at("masks"));
    for (const char* threads : {"1", "2", "5"}) {
        ASSERT_EQ(prune({"--threads", threads, "--masks", place.at("masks")}).status, 0);
        EXPECT_EQ(ScratchFolder::read(place.at("out")), out) << threads;
        EXPECT_EQ(ScratchFolder::read(place.at("masks")), masks) << threads;
    }
}

TEST_F(Contract, PruningAPrunedModelChangesNothing) {
    ASSERT_EQ(prune().status, 0);
    ASSERT_EQ(
        lacuna_cli({"prune", place.at("out"), "--recipe", place.at("half.yaml"), "--out", place.at("again")}).status,
        0);
    EXPECT_EQ(ScratchFolder::read(place.at("again")), ScratchFolder::read(place.at("out")));
}

TEST_F(Contract, SparsifiersAreListed) {
    const Json json = Json::parse(lacuna_cli({"sparsifiers", "--json", "-"}).out);
    std::map<std::string, Json> rules;
    for (const Json& rule : json["sparsifiers"]) rules[rule["name"]] = rule;
    ASSERT_TRUE(rules.contains("weight_norm"));
    EXPECT_THAT(keys_of(rules["weight_norm"]),
                ElementsAre("name", "title", "help", "source", "spans_tensors", "needs_activations", "options"));
    EXPECT_EQ(rules["weight_norm"]["spans_tensors"], false);
    EXPECT_EQ(rules["magnitude"]["spans_tensors"], true);
    EXPECT_EQ(rules["wanda"]["needs_activations"], true);
    EXPECT_EQ(rules["weight_norm"]["options"][0]["name"], "sparsity_level");
    EXPECT_EQ(rules["weight_norm"]["options"][0]["default"], 0.5);
    EXPECT_EQ(rules["nearly_diagonal"]["options"][0]["default"], 1);
    EXPECT_THAT(lacuna_cli({"sparsifiers"}).out, HasSubstr("zeros_per_block"));
}

TEST_F(Contract, SchedulersAreListed) {
    const Json json = Json::parse(lacuna_cli({"schedulers", "--json", "-"}).out);
    ASSERT_EQ(json["schedulers"].size(), 2u);
    const Json &cubic = json["schedulers"][0], &lambda = json["schedulers"][1];
    EXPECT_EQ(cubic["name"], "cubic");
    EXPECT_THAT(keys_of(cubic), ElementsAre("name", "title", "help", "source", "options"));
    EXPECT_EQ(lambda["name"], "lambda");
    EXPECT_EQ(lambda["options"][0]["type"], "formula");
    EXPECT_EQ(lambda["options"][0]["variable"], "epoch");
    const std::string text = lacuna_cli({"schedulers"}).out;
    EXPECT_THAT(text, HasSubstr("total_t"));
    EXPECT_THAT(text, HasSubstr("formula in epoch"));
}

TEST_F(Contract, TheRecipeIsExplainedWhole) {
    const Json json = Json::parse(lacuna_cli({"recipe", "--json", "-"}).out);
    const std::string text = lacuna_cli({"recipe"}).out;
    for (const char* part : {"recipe", "group", "schedule"}) {
        EXPECT_FALSE(json[part].empty());
        for (const Json& key : json[part]) {
            EXPECT_THAT(text, HasSubstr("  " + std::string(key["name"]) + " "));
            EXPECT_THAT(text, HasSubstr(std::string(key["help"])));
        }
    }
    for (const char* list : {"sparsifiers", "schedulers"}) {
        EXPECT_EQ(json[list], Json::parse(lacuna_cli({list, "--json", "-"}).out)[list]);
        EXPECT_THAT(text, HasSubstr(lacuna_cli({list}).out)) << "with all options";
    }
    const size_t begin = text.find("  version: 1"), end = text.find("\n\n", begin);
    place.folder.write("explained.yaml", text.substr(begin, end - begin) + "\n");
    const Outcome outcome = lacuna_cli(
        {"prune", place.at("model.safetensors"), "--recipe", place.at("explained.yaml"), "--out", place.at("out")});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
}

TEST_F(Contract, LibTorchIsNeverLoaded) {
    for (std::vector<std::string> arguments : {std::vector<std::string>{"--help"},
                                               {"inspect", place.at("model.safetensors"), "--sparsity"},
                                               place.prune_arguments()}) {
        const Outcome outcome = Program(std::move(arguments)).with("LD_DEBUG", "files").run();
        EXPECT_EQ(outcome.status, 0);
        EXPECT_THAT(outcome.err, HasSubstr("libc.so")) << "the loader's own account was expected";
        EXPECT_THAT(outcome.err, Not(HasSubstr("torch")));
    }
}

TEST_F(Contract, EvalWritesItsSchema) {
    if (!LACUNA_WITH_TORCH) GTEST_SKIP() << "built without LibTorch";
    const std::string demo = std::string(LACUNA_RESOURCES) + "/demo/";
    const Json expected = Json::parse(ScratchFolder::read(demo + "expected.json"))["models"]["digits_cnn"]["1x1"];
    const auto evaluate = [&](const std::string& model) {
        const Outcome outcome = lacuna_cli({"eval", model, "--data", demo + "digits_test.safetensors", "--json", "-"});
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        EXPECT_EQ(outcome.err, "");
        return Json::parse(outcome.out);
    };
    const Json dense = evaluate(demo + "digits_cnn.pt");
    EXPECT_THAT(keys_of(dense), ElementsAre("loss", "accuracy", "samples", "seconds"));
    EXPECT_EQ(dense["samples"], 450);
    EXPECT_EQ(dense["accuracy"], expected[0]["accuracy"]);
    EXPECT_NEAR(dense["loss"], expected[0]["loss"], 1e-5);
    ASSERT_EQ(lacuna_cli({"prune", demo + "digits_cnn.pt", "--recipe",
                          std::string(LACUNA_RESOURCES) + "/recipes/half.yaml", "--out", place.at("half.pt")})
                  .status,
              0);
    EXPECT_EQ(evaluate(place.at("half.pt"))["accuracy"], expected[1]["accuracy"]);
}

TEST_F(Contract, EvalWithoutLibTorchSaysWhatToDo) {
    Program program({"eval", std::string(LACUNA_RESOURCES) + "/demo/digits_cnn.pt", "--data",
                     std::string(LACUNA_RESOURCES) + "/demo/digits_test.safetensors"});
    const Outcome outcome = program.with("LACUNA_TORCH_LIBRARY", "/nowhere/liblacuna_torch.so").run();
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("build with -DLACUNA_TORCH=ON"));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

/// Says how long a start took, and holds it to no limit: the machine may be busy.
TEST_F(Contract, StartsTenTimes) {
    double best = 1e9;
    for (int i = 0; i < 10; ++i) {
        const auto began = std::chrono::steady_clock::now();
        EXPECT_EQ(lacuna_cli({"inspect", place.at("model.safetensors")}).status, 0);
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    }
    RecordProperty("best_of_10_seconds", std::to_string(best));
    std::printf("inspect, best of 10: %.1f ms\n", best * 1000);
}

TEST_F(Contract, TheSampleRecipesPrune) {
    size_t recipes = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(LACUNA_RESOURCES) / "recipes")) {
        if (entry.path().extension() != ".yaml") continue;
        if (entry.path().stem() == "wanda") continue;  // it needs data: calibrate_test.cpp
        ++recipes;
        for (const char* model : {"digits_cnn.safetensors", "digits_transformer.safetensors"}) {
            const Outcome outcome = lacuna_cli({"prune", std::string(LACUNA_RESOURCES) + "/demo/" + model, "--recipe",
                                                entry.path().string(), "--out", place.at("sample"), "--report", "-"});
            ASSERT_EQ(outcome.status, 0) << entry.path() << model << outcome.err;
            EXPECT_GT(Json::parse(outcome.out)["total"]["zeros"], 0);
        }
    }
    EXPECT_GE(recipes, 4u);
}

}  // namespace
}  // namespace lacuna
