#include "engine/torch/quantized/convert_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <fstream>

#include "engine/base/parallel.h"
#include "engine/model/conversion.h"
#include "engine/sparsifiers/registry.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/archive_engine.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/quantized/linear_module.h"
#include "engine/torch/torch_runner.h"
#include "tests/support/error_of.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing_support::error_of;

const fs::path demo = fs::path(LACUNA_RESOURCES) / "demo";

class ConvertFile : public testing::Test {
  protected:
    ConvertFile() { fs::create_directories(folder_); }
    ~ConvertFile() override { fs::remove_all(folder_); }

    /// A conversion of a demo network whose layers in `layers` are pruned.
    ConversionRequest request(const std::string& network, const std::string& name,
                              const std::vector<std::string>& layers) const {
        ConversionRequest made{.checkpoint = open_checkpoint(demo / (network + ".pt")),
                               .conversion = name,
                               .data = Dataset::open(demo / "digits_test.safetensors"),
                               .out = folder_ / (network + "." + name + ".pt")};
        const Sparsifier& rule = sparsifier("weight_norm");
        Options level;
        level.set("sparsity_level", 0.6);
        level.set("sparse_block_shape", std::vector<int64_t>{1, 4});
        const Options options = rule.complete(level);
        for (const std::string& layer : layers) {
            const std::string fqn = layer + ".weight";
            const auto index = made.checkpoint->find(fqn);
            const TensorView weight = made.checkpoint->view(index.value());
            const Mask ones = Mask::ones(weight.shape);
            made.masks[fqn] = std::make_shared<const Mask>(rule.compute({weight, &ones, &options, Ties::lowest, fqn}));
        }
        made.options = completed(conversion(name).options, {}, name);
        return made;
    }

    Evaluation evaluate(const fs::path& model, const MaskSet& masks = {}) const {
        Progress progress;
        return make_torch_runner(open_checkpoint(model), "cpu")
            ->evaluate(*Dataset::open(demo / "digits_test.safetensors"), masks, progress);
    }

    fs::path folder_ = fs::temp_directory_path() / ("lacuna_convert_" + std::to_string(::getpid()));
};

std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

const std::vector<std::string> cnn_layers{"fc1", "fc2"};
const std::vector<std::string> transformer_layers{"blocks.0.attention.query", "blocks.0.mlp.expand",
                                                  "blocks.2.mlp.contract"};

TEST_F(ConvertFile, demo_networks_stay_as_good) {
    for (const char* name : {"sparse_quantized_static", "sparse_quantized_dynamic"})
        for (const auto& [network, layers] : std::map<std::string, std::vector<std::string>>{
                 {"digits_cnn", cnn_layers}, {"digits_transformer", transformer_layers}}) {
            SCOPED_TRACE(network + " " + name);
            const ConversionRequest made = request(network, name, layers);
            Progress progress;
            const ConversionReport report = convert_with_torch(made, progress);
            ASSERT_EQ(report.rows.size(), layers.size());
            for (const ConversionRow& row : report.rows) EXPECT_THAT(row.what, HasSubstr("blocks of 1×4 kept"));
            ASSERT_TRUE(report.largest_difference);
            EXPECT_GT(*report.largest_difference, 0) << "quantised is not the same";
            EXPECT_LT(*report.largest_difference, 0.2 * *report.largest_output);
            EXPECT_EQ(report.samples_compared, 256);
            EXPECT_LT(report.parameters_after, made.checkpoint->parameters());

            const Evaluation before = evaluate(demo / (network + ".pt"), made.masks), after = evaluate(made.out);
            EXPECT_NEAR(after.accuracy, before.accuracy, 0.02);
            const EngineScope scope(archive_engine(made.out));
            const torch::jit::Module module = torch::jit::load(made.out.string());
            for (const std::string& layer : layers) {
                EXPECT_TRUE(type_name(fqn_to_module(module, layer).value()).starts_with("SparseQuantized"));
                const at::Tensor zeros = unpacked_weight(fqn_to_module(module, layer).value()).int_repr().eq(0);
                EXPECT_GE(zeros.sum().item<int64_t>(), made.masks.at(layer + ".weight")->pruned());
            }
        }
}

TEST_F(ConvertFile, same_bytes_at_any_thread_count) {
    ConversionRequest made = request("digits_cnn", "sparse_quantized_static", cnn_layers);
    const int before = threads();
    std::vector<std::string> files;
    for (const int count : {1, 3}) {
        set_threads(count);
        Progress progress;
        convert_with_torch(made, progress);
        files.push_back(bytes_of(made.out));
    }
    set_threads(before);
    EXPECT_TRUE(files[0] == files[1]);
}

TEST_F(ConvertFile, the_engine_is_read_from_the_code) {
    EXPECT_EQ(archive_engine(demo / "digits_cnn.pt"), std::nullopt);
    for (const auto& [name, engine] : std::map<std::string, c10::QEngine>{
             {"sparse_quantized_static", sparse_static_engine}, {"sparse_quantized_dynamic", sparse_dynamic_engine}}) {
        const ConversionRequest made = request("digits_cnn", name, cnn_layers);
        Progress progress;
        const ConversionReport report = convert_with_torch(made, progress);
        EXPECT_EQ(archive_engine(made.out), engine);
        EXPECT_THAT(report.notes, Contains(HasSubstr(std::string(engine_name(engine)))));
        EXPECT_TRUE(open_checkpoint(made.out)->runnable());
        EXPECT_TRUE(open_checkpoint(made.out)->find("conv1.weight"));
        ConversionRequest again = made;
        again.checkpoint = open_checkpoint(made.out);
        again.out = folder_ / "again.pt";
        EXPECT_THAT(error_of([&] { convert_with_torch(again, progress); }).what(), HasSubstr("already"));
    }
}

TEST_F(ConvertFile, what_is_refused) {
    Progress progress;
    const auto fails = [&](const ConversionRequest& made) {
        const Error error = error_of([&] { convert_with_torch(made, progress); });
        EXPECT_FALSE(fs::exists(made.out));
        return std::string(error.what());
    };
    EXPECT_THAT(fails(request("digits_cnn", "sparse_quantized_static", {})), HasSubstr("no pruned Linear layer"));
    ConversionRequest wide = request("digits_cnn", "sparse_quantized_static", cnn_layers);
    wide.options.set("sparse_block_shape", std::vector<int64_t>{4, 4});
    EXPECT_THAT(fails(wide), HasSubstr("4×4 do not run on fbgemm"));
    EXPECT_THAT(fails(request("digits_cnn", "sparse_quantized_dynamic", {"conv1"})),
                HasSubstr("conv1.weight is pruned but belongs to no Linear layer"));
    ConversionRequest cancelled = request("digits_cnn", "sparse_quantized_static", cnn_layers);
    CancelToken token;
    token.cancel();
    Progress stopped({}, token);
    EXPECT_THROW(convert_with_torch(cancelled, stopped), Cancelled);
}

}  // namespace
}  // namespace lacuna
