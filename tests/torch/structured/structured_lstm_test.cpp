#include "engine/base/error.h"
#include "engine/model/conversion.h"
#include "engine/session/pruning.h"
#include "engine/session/recipe_run.h"
#include "engine/torch/load_module.h"
#include "engine/torch/save_module.h"
#include "engine/torch/structured/structured_pruner.h"
#include "tests/support/scratch_folder.h"
#include "tests/torch/structured/nets.h"

// LSTM: upstream's tests, with more than they ask: one unit set, and outputs that are compared.

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using namespace testing_support;
using torch::jit::Module;

const RowMock lower_half(RowMock::Kind::lower_half_of_gates);

/// LSTM → [LayerNorm →] Linear as upstream's models: forward gives the decoded and the LSTM's own output.
Module lstm_linear(int64_t size, int64_t layers, bool layer_norm = false, bool outputs = true) {
    Net net;
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    std::string list;
    for (int64_t i = 0; i < layers; ++i)
        for (const char* name : {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"}) {
            const bool weight = std::string(name).starts_with("weight");
            const std::string own = name + std::to_string(i);
            tensors.emplace_back(own, weight ? net.random({4 * size, size}) : net.random({4 * size}));
            list += (list.empty() ? "self." : ", self.") + own;
        }
    const std::string zeros = "torch.zeros([" + std::to_string(layers) + ", x.size(1), " + std::to_string(size) + "])";
    net.layer("lstm", "LSTM", tensors,
              "torch.lstm(x, [" + zeros + ", " + zeros + "], [" + list + "], True, " + std::to_string(layers) +
                  ", 0., False, False, False)");
    net.layer("norm", "LayerNorm", {{"weight", net.random({size})}, {"bias", net.random({size})}},
              "torch.layer_norm(x, [" + std::to_string(size) + "], self.weight, self.bias)");
    net.linear("linear", size, size, true);
    return net.forward("y, h, c = lstm(x)\nz = linear(" + std::string(layer_norm ? "norm(y)" : "y") + ")\n" +
                       (outputs ? "return z, y" : "return z"));
}

SparsifyConfig lstm_weights(int64_t layers) {
    SparsifyConfig config;
    for (int64_t i = 0; i < layers; ++i)
        for (const char* name : {"lstm.weight_ih_l", "lstm.weight_hh_l"}) {
            SparsifyEntry entry;
            entry.tensor_fqn = name + std::to_string(i);
            config.push_back(std::move(entry));
        }
    return config;
}

std::vector<at::Tensor> outputs_of(Module model, const at::Tensor& x) {
    const at::NoGradGuard no_grad;
    const auto tuple = model.forward({x}).toTuple();
    return {tuple->elements()[0].toTensor(), tuple->elements()[1].toTensor()};
}

void expect_halves(int64_t layers, bool layer_norm = false) {
    Module model = lstm_linear(8, layers, layer_norm);
    StructuredPruner pruner(lower_half, {}, {.prune_bias = true, .narrow_outputs = true});
    pruner.prepare(model, lstm_weights(layers));
    pruner.step();
    const at::Tensor x = random_input({5, 3, 8});
    const auto expected = outputs_of(model, x);
    const Module smaller = pruner.prune({x});
    EXPECT_THAT(pruner.notes(), IsEmpty());
    for (int64_t i = 0; i < layers; ++i) {
        EXPECT_EQ(shape_of(smaller, "lstm.weight_ih_l" + std::to_string(i)),
                  (std::vector<int64_t>{16, i == 0 ? 8 : 4}));
        EXPECT_EQ(shape_of(smaller, "lstm.weight_hh_l" + std::to_string(i)), (std::vector<int64_t>{16, 4}));
        EXPECT_EQ(shape_of(smaller, "lstm.bias_hh_l" + std::to_string(i)), (std::vector<int64_t>{16}));
    }
    EXPECT_EQ(shape_of(smaller, "linear.weight"), (std::vector<int64_t>{8, 4}));
    if (layer_norm) {
        EXPECT_EQ(shape_of(smaller, "norm.weight"), (std::vector<int64_t>{4}));
        EXPECT_EQ(shape_of(smaller, "norm.bias"), (std::vector<int64_t>{4}));
    }
    for (const auto& input : {x, random_input({2, 6, 8}, 9)}) {
        const auto masked = outputs_of(model, input), given = outputs_of(smaller, input);
        expect_same(masked[0], given[0]);
        expect_same(masked[1].slice(2, 0, 4), given[1]);
    }
}

TEST(TestBaseStructuredSparsifier, prune_lstm_linear_single_layer) {
    expect_halves(1);
}

TEST(TestBaseStructuredSparsifier, prune_lstm_linear_multiple_layer) {
    expect_halves(2);
}

// Upstream cuts the layer norm to the units that stay, which gives something else: pruned units count in its mean.

TEST(TestBaseStructuredSparsifier, prune_lstm_layernorm_linear_single_layer) {
    expect_halves(1, true);
}

TEST(TestBaseStructuredSparsifier, prune_lstm_layernorm_linear_multiple_layer) {
    expect_halves(2, true);
}

void set_rows(Module& model, const std::string& fqn, const std::vector<float>& rows) {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < rows.size(); ++i) parameter_of(model, fqn)[int64_t(i)].fill_(rows[i]);
}

Module small_lstm(const std::vector<float>& rows) {
    Module model = lstm_linear(2, 1);
    for (const char* name : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"})
        set_rows(model, std::string("lstm.") + name, rows);
    return model;
}

TEST(TestSaliencyPruner, lstm_saliency_pruner_update_mask) {
    const at::Tensor x = at::ones({1, 1, 2});
    Options options;
    options.set("sparsity_level", 0.5);
    {  // Upstream's choice: each gate its own rows. It cuts them although the gates disagree; ours stays exact.
        options.set("units", std::string("apart"));
        Module model = small_lstm({1, 2, 2, 1, -1, -2, -2, -1});
        StructuredPruner pruner(sparsifier("lstm_saliency"), options, {.prune_bias = true, .narrow_outputs = true});
        pruner.prepare(model, lstm_weights(1));
        pruner.step();
        for (const char* name : {"lstm.weight_ih_l0", "lstm.weight_hh_l0"}) {
            const at::Tensor rows = parameter_of(model, name).select(1, 0);
            EXPECT_TRUE(at::equal(rows, at::tensor({0., 2., 2., 0., 0., -2., -2., 0.}, at::kFloat))) << rows;
        }
        EXPECT_TRUE(at::equal(parameter_of(model, "lstm.bias_ih_l0"),
                              at::tensor({0., 2., 2., 0., 0., -2., -2., 0.}, at::kFloat)));
        const auto masked = outputs_of(model, x);
        const Module smaller = pruner.prune({x});  // unit 0 has no cell gate left: it is 0 for ever
        EXPECT_EQ(shape_of(smaller, "lstm.weight_hh_l0"), (std::vector<int64_t>{4, 1}));
        expect_same(masked[0], outputs_of(smaller, x)[0]);
        expect_same(masked[1].slice(2, 1, 2), outputs_of(smaller, x)[1]);
    }
    options.set("units", std::string("together"));
    Module model = small_lstm({1, 2, 1, 2, -1, -2, -1, -2});
    StructuredPruner pruner(sparsifier("lstm_saliency"), options, {.prune_bias = true, .narrow_outputs = true});
    pruner.prepare(model, lstm_weights(1));
    pruner.step();
    const auto masked = outputs_of(model, x);
    const Module smaller = pruner.prune({x});
    EXPECT_THAT(pruner.notes(), IsEmpty());
    EXPECT_TRUE(at::equal(parameter_of(smaller, "lstm.weight_ih_l0"),
                          at::tensor({2., 2., -2., -2.}, at::kFloat).unsqueeze(1).expand({4, 2})));
    EXPECT_TRUE(
        at::equal(parameter_of(smaller, "lstm.weight_hh_l0"), at::tensor({2., 2., -2., -2.}, at::kFloat).unsqueeze(1)));
    for (const char* bias : {"lstm.bias_ih_l0", "lstm.bias_hh_l0"})
        EXPECT_TRUE(at::equal(parameter_of(smaller, bias), at::tensor({2., 2., -2., -2.}, at::kFloat)));
    expect_same(masked[0], outputs_of(smaller, x)[0]);
}

/// The units whose rows of `mask` are empty, if they are the same in all four gates.
std::vector<int64_t> pruned_units(const Mask& mask) {
    const int64_t rows = mask.shape()[0], columns = mask.shape()[1], units = rows / 4;
    std::vector<int64_t> pruned;
    for (int64_t row = 0; row < rows; ++row) {
        const bool empty = mask.kept_in(row * columns, (row + 1) * columns) == 0;
        const bool known = std::find(pruned.begin(), pruned.end(), row % units) != pruned.end();
        if (row < units && empty) pruned.push_back(row);
        EXPECT_EQ(empty, row < units ? empty : known) << "row " << row;
    }
    return pruned;
}

TEST(Lstm, a_recipe_prunes_one_unit_set_a_layer_which_then_leaves) {
    const ScratchFolder folder;
    save_module(lstm_linear(8, 2, true, false), folder / "model.pt");
    ConversionRequest request{.checkpoint = open_checkpoint(folder / "model.pt"), .conversion = "smaller"};
    const Recipe recipe = parse_recipe(
        "version: 1\ngroups:\n  - {layers: ['lstm.weight_*'], sparsifier: lstm_saliency, sparsity_level: 0.4}\n",
        "a recipe");
    Pruning pruning(request.checkpoint, resolve(recipe, *request.checkpoint), recipe.ties);
    Progress silent;
    pruning.step(silent);
    request.masks = pruning.masks();
    ASSERT_EQ(request.masks.size(), 4u);
    std::vector<std::vector<int64_t>> layers;
    for (const char* layer : {"l0", "l1"}) {
        layers.push_back(pruned_units(*request.masks.at(std::string("lstm.weight_ih_") + layer)));
        EXPECT_EQ(layers.back().size(), 3u) << "0.4 · 8, rounded down";
        EXPECT_EQ(pruned_units(*request.masks.at(std::string("lstm.weight_hh_") + layer)), layers.back());
    }
    EXPECT_NE(layers[0], layers[1]) << "each layer has its own";
    request.options.set("prune_bias", true);
    request.input_shape = {5, 3, 8};
    request.out = folder / "small.pt";
    const ConversionReport report = convert(request, silent);
    EXPECT_THAT(report.notes, IsEmpty());
    EXPECT_LT(report.largest_difference.value(), 1e-5 * report.largest_output.value());
    const Module smaller = load_module(request.out);
    for (const char* weight : {"lstm.weight_hh_l0", "lstm.weight_ih_l1", "lstm.weight_hh_l1"})
        EXPECT_EQ(shape_of(smaller, weight), (std::vector<int64_t>{20, 5})) << weight;
    EXPECT_EQ(shape_of(smaller, "norm.weight"), (std::vector<int64_t>{5}));
}

TEST(Lstm, units_that_keep_a_bias_stay) {
    Module model = lstm_linear(8, 1, false, false);
    StructuredPruner pruner(lower_half, {}, {.prune_bias = false});
    pruner.prepare(model, lstm_weights(1));
    pruner.step();
    try {
        pruner.prune({random_input({5, 3, 8})});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("only without weights and bias in its cell gate"));
    }
}

TEST(Lstm, one_layer_of_two_alone_stays) {
    Module model = lstm_linear(6, 2, false, false);
    StructuredPruner pruner(lower_half);
    SparsifyConfig config = lstm_weights(2);
    config.resize(2);
    pruner.prepare(model, config);
    pruner.step();
    try {
        pruner.prune({random_input({5, 3, 6})});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("the layers of one LSTM have one size"));
    }
}

}  // namespace
}  // namespace lacuna
