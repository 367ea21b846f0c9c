#include "engine/torch/quantized/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/embedding.h>
#include <torch/script.h>

#include <sstream>

#include "engine/sparsifiers/registry.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/embedding_module.h"
#include "tests/support/error_of.h"
#include "tests/torch/quantized/script_models.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::error_of;
using testing_support::scripted;
using torch::jit::Module;

constexpr auto sparsify_first = SparseQuantiseOrder::sparsify_first;
constexpr auto quantise_first = SparseQuantiseOrder::quantise_first;

Options upstream_options() {
    Options options;
    options.set("sparsity_level", 0.8);
    options.set("sparse_block_shape", std::vector<int64_t>{1, 4});
    return options;
}

const Sparsifier& data_norm() {
    return sparsifier("data_norm");
}

/// As torch.jit.script writes them; the functional they call is a function of its own there too.
Module embedding(at::Tensor weight) {
    Module module = scripted("torch.nn.modules.sparse.Embedding");
    module.register_parameter("weight", std::move(weight), false);
    module.define(
        "def forward(self, input: Tensor) -> Tensor:\n    return torch.embedding(self.weight, input, -1, False, "
        "False)\n");
    return module;
}

/// A model with tables at `emb`, `a.b_c` and `a_b.c`: names that upstream takes for one.
Module model() {
    Module root = scripted("Tables"), a = scripted("A"), a_b = scripted("B");
    a.register_module("b_c", embedding(at::rand({100, 3}) + 0.5));
    a.define("def forward(self, x: Tensor) -> Tensor:\n    return self.b_c.forward(x)\n");
    a_b.register_module("c", embedding(at::randn({100, 3})));
    a_b.define("def forward(self, x: Tensor) -> Tensor:\n    return self.c.forward(x)\n");
    root.register_module("emb", embedding(at::randn({200, 32})));
    root.register_module("a", a);
    root.register_module("a_b", a_b);
    root.register_module("linear", testing_support::script_linear(38, 4));
    root.define(
        "def forward(self, x: Tensor) -> Tensor:\n"
        "    return self.linear.forward(torch.cat([self.emb.forward(x), self.a.forward(x), self.a_b.forward(x)], "
        "1))\n");
    return root;
}

std::string type_at(const Module& root, const std::string& fqn) {
    return type_name(fqn_to_module(root, fqn).value());
}

/// The share of exact zeros in a quantised layer's table.
double exact_zeros(const Module& root, const std::string& fqn) {
    return unpacked_table(fqn_to_module(root, fqn).value()).dequantize().eq(0).to(at::kDouble).mean().item<double>();
}

/// What a lookup of each row gives: LibTorch's own kernel, not dequantize().
at::Tensor looked_up(const Module& layer, int64_t rows) {
    return testing_support::run(layer, at::arange(rows, at::kLong));
}

void ptq(SparseQuantiseOrder order) {
    at::manual_seed(0);
    const Module before = model();
    const std::vector<std::string> selected{"emb", "a.b_c"};
    const Module after = post_training_sparse_quantise(before, data_norm(), upstream_options(), order, selected);
    for (const std::string& fqn : selected) {
        EXPECT_EQ(type_at(after, fqn), "QuantizedEmbedding");
        EXPECT_NEAR(exact_zeros(after, fqn), 0.8, 0.05) << fqn;
        EXPECT_EQ(type_at(before, fqn), "Embedding");
    }
    const bool all = order == quantise_first;
    EXPECT_EQ(type_at(after, "a_b.c"), all ? "QuantizedEmbedding" : "Embedding");
    if (all) {
        EXPECT_LT(exact_zeros(after, "a_b.c"), 0.05) << "quantised, not pruned";
    }
    EXPECT_EQ(type_at(after, "linear"), "Linear");
    const at::Tensor indices = at::randint(0, 100, {7}).to(at::kLong);
    EXPECT_THAT(testing_support::run(after, indices).sizes().vec(), ElementsAre(7, 4));
    std::stringstream file;
    after.save(file);
    EXPECT_TRUE(testing_support::run(torch::jit::load(file), indices).equal(testing_support::run(after, indices)));

    const Module every = post_training_sparse_quantise(before, data_norm(), upstream_options(), order);
    for (const char* fqn : {"emb", "a.b_c", "a_b.c"}) EXPECT_NEAR(exact_zeros(every, fqn), 0.8, 0.05) << fqn;
}

TEST(TestQuantizationUtils, ptq_sparsify_first) {
    ptq(sparsify_first);
}

TEST(TestQuantizationUtils, ptq_quantize_first) {
    ptq(quantise_first);
}

/// What upstream loses: rows whose range leaves 0 out, and scales that are not exact times a zero point.
TEST(TestQuantizationUtils, every_pruned_value_is_exactly_zero) {
    at::manual_seed(1);
    for (const auto order : {sparsify_first, quantise_first})
        for (const auto& [rows, columns] :
             std::vector<std::pair<int64_t, int64_t>>{{200, 32}, {100, 3}, {1, 1}, {64, 64}})
            for (const double shift : {-2.0, 0.0, 0.37, 1000.0}) {
                const at::Tensor table = at::randn({rows, columns}) * at::rand({rows, 1}) * 3 + shift;
                const at::Tensor kept = table.clone();
                const auto result = sparse_quantise({{"t", table}}, data_norm(), upstream_options(), order);
                EXPECT_TRUE(table.equal(kept)) << "the table itself stays";
                const at::Tensor values = result[0].weight.dequantize();
                const at::Tensor found = looked_up(quantised_embedding("t", embedding(table), result[0].weight), rows);
                const std::vector<uint8_t> mask = result[0].mask->to_bytes();
                ASSERT_EQ(int64_t(mask.size()), rows * columns);
                for (int64_t i = 0; i < rows * columns; ++i) {
                    if (mask[size_t(i)]) continue;
                    ASSERT_EQ(values.const_data_ptr<float>()[i], 0) << "element " << i;
                    ASSERT_EQ(found.const_data_ptr<float>()[i], 0) << "as looked up, element " << i;
                }
                const at::Tensor steps = result[0].weight.q_per_channel_scales().to(at::kFloat).unsqueeze(1);
                const at::Tensor keep = at::from_blob(const_cast<uint8_t*>(mask.data()), {rows, columns}, at::kByte);
                const double rounds = order == quantise_first ? 1.02 : 0.52;  // quantised once or twice
                EXPECT_TRUE(((values - table).abs() <= steps * rounds).logical_or(keep.eq(0)).all().item<bool>());
            }
}

TEST(TestQuantizationUtils, scales_and_zero_points) {
    const at::Tensor table = at::tensor({1.0f, 2.0f, 0.5f, -1.0f, -3.0f, -2.0f, 0.0f, 0.0f, 0.0f}).reshape({3, 3});
    const at::Tensor quantised = quantised_rows(table);
    EXPECT_EQ(quantised.qscheme(), at::kPerChannelAffineFloatQParams);
    const at::Tensor zero_points = quantised.q_per_channel_zero_points();
    EXPECT_TRUE(zero_points.equal(at::tensor({0.0f, 255.0f, 0.0f}))) << zero_points;
    EXPECT_TRUE(quantised.int_repr()[2].eq(0).all().item<bool>());
    for (int64_t row = 0; row < 3; ++row) {
        const double scale = quantised.q_per_channel_scales()[row].item<double>();
        EXPECT_EQ(double(float(scale * 255)), scale * 255) << "exact times any zero point";
    }
    EXPECT_THAT(error_of([] { quantised_rows(at::zeros({3})); }).what(), HasSubstr("two dimensions"));
    EXPECT_THAT(error_of([] {
                    quantised_rows(at::full({2, 2}, std::numeric_limits<float>::infinity()));
                }).what(),
                HasSubstr("finite"));
    EXPECT_EQ(quantised_rows(at::zeros({0, 4})).numel(), 0);
}

TEST(TestQuantizationUtils, tables_of_cpp_modules) {
    struct Tables : torch::nn::Module {
        Tables()
            : bag(register_module("a_b", torch::nn::EmbeddingBag(10, 4))),
              inner(register_module("seq", torch::nn::Sequential(torch::nn::Embedding(6, 8)))),
              linear(register_module("linear", torch::nn::Linear(4, 4))) {}
        torch::nn::EmbeddingBag bag;
        torch::nn::Sequential inner;
        torch::nn::Linear linear;
    } tables;
    const auto found = embedding_tables(tables);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].name, "a_b");
    EXPECT_EQ(found[1].name, "seq.0");
    EXPECT_TRUE(found[1].weight.is_same(tables.inner[0]->as<torch::nn::Embedding>()->weight));
    EXPECT_EQ(embedding_tables(tables, {{"seq.0"}})[0].name, "seq.0");
    EXPECT_THAT(error_of([&] { embedding_tables(tables, {{"linear"}}); }).what(), HasSubstr("no Embedding"));
    EXPECT_THAT(error_of([&] { embedding_tables(tables, {{"none"}}); }).what(), HasSubstr("no layer"));
    const auto result = sparse_quantise(found, data_norm(), upstream_options(), quantise_first);
    EXPECT_EQ(result[1].mask->pruned(), 40) << "round(0.8 · 12) blocks of 4";
}

TEST(TestQuantizationUtils, what_is_refused) {
    const Module root = model();
    const auto fails = [&](std::vector<std::string> select) {
        return error_of(
            [&] { post_training_sparse_quantise(root, data_norm(), upstream_options(), sparsify_first, select); });
    };
    EXPECT_THAT(fails({"linear"}).what(), HasSubstr("no Embedding"));
    EXPECT_THAT(fails({"emb", "emb"}).what(), HasSubstr("twice"));
    EXPECT_EQ(fails({"a.c"}).where(), "a.c");
    EXPECT_THAT(error_of([] {
                    sparse_quantise({{"x", at::randn({2, 4})}, {"x", at::randn({2, 4})}}, data_norm(),
                                    upstream_options(), sparsify_first);
                }).what(),
                HasSubstr("two tables"));
}

/// Scripted by PyTorch: bags that sum, with and without offsets, and one that takes the mean.
TEST(TestQuantizationUtils, bags) {
    const Module root = torch::jit::load(LACUNA_TEST_DATA "/torch/quantized/fixtures/bags.pt");
    const auto convert = [&](std::vector<std::string> select) {
        return post_training_sparse_quantise(root, data_norm(), upstream_options(), sparsify_first, select);
    };
    const Module after = convert({"sum", "last", "table"});
    EXPECT_EQ(type_at(after, "sum"), "QuantizedEmbeddingBag");
    EXPECT_EQ(type_at(after, "last"), "QuantizedEmbeddingBag");
    EXPECT_EQ(type_at(after, "mean"), "EmbeddingBag");
    EXPECT_NEAR(exact_zeros(after, "sum"), 0.8, 0.05);
    // The same model with the tables' values in its float layers gives the same sums.
    Module rounded = root.deepcopy();
    for (const char* fqn : {"sum", "last", "table"}) {
        const at::NoGradGuard no_grad;
        at::Tensor weight = fqn_to_tensor(rounded, std::string(fqn) + ".weight");
        weight.copy_(unpacked_table(fqn_to_module(after, fqn).value()).dequantize());
    }
    const at::Tensor indices = at::randint(0, 20, {12}).to(at::kLong), offsets = at::tensor({0, 3, 12}, at::kLong);
    const auto outputs = [&](Module which) { return which.forward({indices, offsets}).toTensor(); };
    EXPECT_LT((outputs(after) - outputs(rounded)).abs().max().item<double>(), 1e-5);
    EXPECT_THAT(error_of([&] { convert({"mean"}); }).what(), HasSubstr("does not sum"));
    EXPECT_THAT(error_of([&] { convert({"short"}); }).what(), HasSubstr("max_norm"));
    EXPECT_THAT(error_of([&] { convert({"padded"}); }).what(), HasSubstr("padding_idx")) << "its row is not summed";
}

}  // namespace
}  // namespace lacuna
