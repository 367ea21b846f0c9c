#include "engine/torch/quantized/convert_embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "engine/base/parallel.h"
#include "engine/model/conversion.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/load_module.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/embedding_module.h"
#include "engine/torch/quantized/embeddings.h"
#include "engine/torch/save_module.h"
#include "engine/torch/tensor.h"
#include "engine/torch/torch_runner.h"
#include "tests/support/problem_of.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

// The conversion `quantized_embeddings`, on a model that PyTorch scripted (fixtures/texts.pt).

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace testing_support;
using torch::jit::Module;

const fs::path fixtures = LACUNA_TEST_DATA "/torch/quantized/fixtures";

class QuantisedEmbeddings : public testing::TestWithParam<std::string> {
  protected:
    ConversionRequest request(const fs::path& model, const Options& options = {}) const {
        return {.checkpoint = open_checkpoint(model),
                .conversion = "quantized_embeddings",
                .options = options,
                .out = folder / "out.pt"};
    }
    ConversionRequest texts(const std::string& order, double level = 0.6) const {
        Options options;
        options.set("order", order);
        options.set("sparsity_level", level);
        ConversionRequest made = request(fixtures / "texts.pt", options);
        made.input_shape = {7, 6};
        return made;
    }
    static Module layer_of(const Module& model, const std::string& fqn) { return fqn_to_module(model, fqn).value(); }
    static at::Tensor values(const Module& model, const std::string& fqn) {
        return unpacked_table(layer_of(model, fqn)).dequantize();
    }
    /// What a lookup of every row gives: LibTorch's own kernel.
    static at::Tensor looked_up(const Module& model, const std::string& fqn) {
        const at::Tensor rows = at::arange(30, at::kLong);
        return layer_of(model, fqn).get_method("forward")({fqn == "words" ? rows : rows.unsqueeze(1)}).toTensor();
    }

    ScratchFolder folder;
    Progress silent;
    const at::Tensor indices = at::arange(42, at::kLong).remainder(30).reshape({7, 6});
};
INSTANTIATE_TEST_SUITE_P(orders, QuantisedEmbeddings, testing::Values("sparsify_first", "quantize_first"));

TEST_P(QuantisedEmbeddings, all_tables_are_pruned_and_pruned_values_are_exactly_zero) {
    const ConversionRequest made = texts(GetParam());
    const ConversionReport report = convert(made, silent);
    const Module before = load_module(fixtures / "texts.pt"), after = load_module(made.out);
    ASSERT_EQ(report.rows.size(), 2u);
    EXPECT_THAT(report.notes, IsEmpty());
    Module rounded = before.deepcopy();
    for (size_t i = 0; i < 2; ++i) {
        const std::string fqn = i == 0 ? "words" : "bags.0";
        EXPECT_EQ(report.rows[i].name, fqn + ".weight");
        EXPECT_EQ(report.rows[i].what, "8 bits a value, 144 of 240 values pruned");
        const at::Tensor stored = values(after, fqn), original = fqn_to_tensor(before, fqn + ".weight");
        EXPECT_GE(stored.eq(0).sum().item<int64_t>(), 144) << fqn;
        EXPECT_TRUE(looked_up(after, fqn).eq(0).equal(stored.eq(0))) << fqn;
        // Kept values are those of the table to half a step (quantised twice: a whole one).
        const at::Tensor steps = (original.amax(1) - original.amin(1)) / 255 * 1.01;
        const at::Tensor kept = stored.ne(0);
        EXPECT_TRUE(
            ((stored - original).abs() <= steps.unsqueeze(1)).logical_or(kept.logical_not()).all().item<bool>());
        const at::NoGradGuard no_grad;
        fqn_to_tensor(rounded, fqn + ".weight").copy_(stored);
    }
    const auto run = [&](Module model) { return model.forward({indices}).toTensor(); };
    EXPECT_LT((run(after) - run(rounded)).abs().max().item<double>(), 1e-5);
    EXPECT_EQ(report.samples_compared, 7);
    EXPECT_GT(report.largest_difference.value(), 0);
    EXPECT_LT(report.largest_difference.value(), 0.02 * report.largest_output.value());
    EXPECT_EQ(report.parameters_before, report.parameters_after);
    EXPECT_LT(report.bytes_after, report.bytes_before);
}

TEST_P(QuantisedEmbeddings, masks_choose_the_tables_and_what_is_pruned) {
    ConversionRequest made = texts(GetParam(), 1);
    Mask mask = Mask::ones({30, 8});
    for (int64_t i = 0; i < 240; i += 7) mask.set(i, false);
    made.masks["bags.0.weight"] = std::make_shared<const Mask>(mask);
    made.masks["head.weight"] = std::make_shared<const Mask>(Mask::zeros({3, 8}));
    const ConversionReport report = convert(made, silent);
    const Module after = load_module(made.out);
    const bool all = GetParam() == "quantize_first";  // as upstream
    EXPECT_EQ(type_name(layer_of(after, "words")), all ? "QuantizedEmbedding" : "Embedding");
    EXPECT_EQ(report.rows.size(), all ? 2u : 1u);
    if (all) {
        EXPECT_EQ(report.rows[0].what, "8 bits a value, 0 of 240 values pruned");
    }
    EXPECT_EQ(report.rows.back().what, "8 bits a value, 35 of 240 values pruned");
    EXPECT_TRUE(values(after, "bags.0").masked_select(to_tensor(mask).logical_not()).eq(0).all().item<bool>());
    EXPECT_EQ(fqn_to_tensor(after, "head.weight").abs().sum().item<double>(), 0) << "other masks are laid on, too";
    EXPECT_EQ(report.largest_difference, 0) << "the head gives its bias alone";
}

TEST_P(QuantisedEmbeddings, same_bytes_at_any_thread_count_under_any_name) {
    std::vector<std::string> files;
    for (const int count : {1, 2, 1}) {
        set_threads(count);
        ConversionRequest made = texts(GetParam());
        made.out = folder / ("name" + std::string(files.size(), 'x') + ".pt");
        convert(made, silent);
        files.push_back(ScratchFolder::read(made.out));
    }
    set_threads(0);
    EXPECT_TRUE(files[0] == files[1]);
    EXPECT_TRUE(files[0] == files[2]);
}

TEST_P(QuantisedEmbeddings, the_file_opens_and_runs_here) {
    const ConversionRequest made = texts(GetParam(), 0);
    convert(made, silent);
    const CheckpointPtr written = open_checkpoint(made.out);
    EXPECT_TRUE(written->runnable());
    EXPECT_TRUE(written->find("head.weight"));
    const std::vector<int64_t> words(indices.const_data_ptr<int64_t>(), indices.const_data_ptr<int64_t>() + 42);
    const fs::path data = write_safetensors(folder / "data.safetensors",
                                            {tensor_of("inputs", DType::I64, {7, 6}, words),
                                             tensor_of<int64_t>("labels", DType::I64, {7}, {0, 1, 2, 0, 1, 2, 0})});
    const auto loss = [&](CheckpointPtr model) {
        return make_torch_runner(std::move(model), "cpu")->evaluate(*Dataset::open(data), {}, silent).loss;
    };
    EXPECT_NEAR(loss(written), loss(made.checkpoint), 0.05) << "nothing pruned";
    ConversionRequest again = request(made.out);
    again.out = folder / "again.pt";
    EXPECT_THAT(problem_of([&] { convert(again, silent); }), HasSubstr("has quantised embedding tables already"));
}

TEST_P(QuantisedEmbeddings, a_model_in_another_precision_keeps_it) {
    for (const auto type : {at::kDouble, at::kHalf, at::kBFloat16}) {
        Module model = load_module(fixtures / "texts.pt");
        model.to(type);
        save_module(model, folder / "wide.pt");
        ConversionRequest made = texts(GetParam());
        made.checkpoint = open_checkpoint(folder / "wide.pt");
        const ConversionReport report = convert(made, silent);
        EXPECT_LT(report.largest_difference.value(), 0.03 * report.largest_output.value()) << type;
        Module after = load_module(made.out);
        EXPECT_EQ(after.forward({indices}).toTensor().scalar_type(), type);
    }
}

TEST(QuantisedEmbeddingsNotes, layers_that_libtorch_cannot_quantise_stay) {
    const ScratchFolder folder;
    Progress silent;
    const ConversionRequest made{.checkpoint = open_checkpoint(fixtures / "bags.pt"),
                                 .conversion = "quantized_embeddings",
                                 .out = folder / "out.pt"};
    const ConversionReport report = convert(made, silent);
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("mean stays as it is: this EmbeddingBag does not sum"),
                                          HasSubstr("short stays as it is: it has a max_norm"),
                                          HasSubstr("padded stays as it is: it has a padding_idx")));
    EXPECT_EQ(report.rows.size(), 3u);
    EXPECT_FALSE(report.largest_difference) << "no input is known";
}

TEST(QuantisedEmbeddingsRefusals, are_one_line_and_leave_nothing) {
    const ScratchFolder folder;
    Progress silent;
    const auto problem = [&](const fs::path& model, const char* option = nullptr, OptionValue value = 0.5) {
        ConversionRequest made{
            .checkpoint = open_checkpoint(model), .conversion = "quantized_embeddings", .out = folder / "out.pt"};
        if (option) made.options.set(option, std::move(value));
        if (model.filename() == "texts.pt" && !option)
            made.masks["sentences.weight"] = std::make_shared<const Mask>(Mask::ones({30, 8}));
        const std::string text = problem_of([&] { convert(made, silent); });
        EXPECT_FALSE(fs::exists(made.out));
        return text;
    };
    const fs::path demo = fs::path(LACUNA_RESOURCES) / "demo";
    EXPECT_THAT(problem(demo / "digits_cnn.pt"), HasSubstr("digits_cnn.pt: has no Embedding or EmbeddingBag layer"));
    EXPECT_THAT(problem(demo / "digits_transformer.pt"),
                HasSubstr("position stays as it is: the model reads this layer's weight itself"));
    EXPECT_THAT(problem(fixtures / "texts.pt"), HasSubstr("sentences.weight: there is a mask for it, but the model"));
    EXPECT_THAT(problem(fixtures / "texts.pt", "zeros_per_block", int64_t(5)), HasSubstr("more than the 4 weights"));
    EXPECT_THAT(problem(fixtures / "texts.pt", "order", std::string("backwards")), HasSubstr("not one of"));

    Module infinite = load_module(fixtures / "texts.pt");
    {
        const at::NoGradGuard no_grad;
        fqn_to_tensor(infinite, "bags.0.weight")[3][5].fill_(std::numeric_limits<float>::infinity());
    }
    save_module(infinite, folder / "infinite.pt");
    EXPECT_THAT(problem(folder / "infinite.pt"), HasSubstr("bags.0: has values that are not finite"));
}

}  // namespace
}  // namespace lacuna
