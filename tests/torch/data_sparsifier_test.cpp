// Upstream's TestBaseDataSparsifier and TestNormDataSparsifiers on live tensors, parameters and embeddings; the
// engine's own tests (tests/data) go through every option.

#include "engine/torch/data_sparsifier.h"

#include <gmock/gmock.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <cmath>

#include "engine/base/error.h"
#include "engine/torch/tensor.h"
#include "tests/support/problem_of.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::problem_of;

/// Upstream's mock for data: row 0 goes.
class FirstRow final : public testing_support::ZeroRow {
  public:
    Mask compute(const MaskRequest& request) const override {
        Mask mask = Mask::ones(request.weight.shape);
        mask.set_range(0, request.weight.shape[1], false);
        return mask;
    }
};
const FirstRow first_row;

/// Three tables of one kind, and the tensors that the caller keeps.
struct Tables {
    explicit Tables(const std::string& kind) {
        torch::manual_seed(5);
        for (const auto& [rows, columns] : {std::pair{3, 3}, {4, 4}, {6, 8}}) {
            at::Tensor table = torch::randn({rows, columns});
            if (kind == "parameters") table = torch::randn({columns, rows}).t();  // rows that lie a column apart
            table.requires_grad_(kind == "parameters");
            if (kind == "embeddings" && rows == 4)
                layers.push_back(torch::nn::EmbeddingBag(rows, columns).ptr());
            else if (kind == "embeddings")
                layers.push_back(torch::nn::Embedding(rows, columns).ptr());
            tensors.push_back(kind == "embeddings" ? layers.back()->named_parameters()["weight"] : table);
        }
    }
    at::Tensor add(DataSparsifier& data, size_t i, DataConfig config = {}) const {
        const std::string name = "table" + std::to_string(i);
        return layers.empty() ? data.add_data(name, tensors[i], std::move(config))
                              : data.add_data(name, *layers[i], std::move(config));
    }

    std::vector<at::Tensor> tensors;
    std::vector<std::shared_ptr<torch::nn::Module>> layers;
};

Options test_option(int64_t value) {
    Options options;
    options.set("test", value);
    return options;
}

void check_groups(const std::string& kind) {
    const Tables tables(kind);
    DataSparsifier data(first_row, test_option(3));
    EXPECT_TRUE(tables.add(data, 0).equal(tables.tensors[0])) << "what is added comes back masked, by ones";
    tables.add(data, 1, {.options = test_option(7), .reuse_mask = true, .mask = nullptr});
    EXPECT_EQ(data.pruning().options("table0").integer("test"), 3);
    EXPECT_EQ(data.pruning().options("table1").integer("test"), 7);
    EXPECT_TRUE(data.get_data("table0").is_same(tables.tensors[0])) << "held by reference";
    EXPECT_TRUE(data.get_mask("table0").all().item<bool>());
    EXPECT_THAT(problem_of([&] { data.get_data("nothing"); }), HasSubstr("nothing: there is no data of that name"));
    EXPECT_THAT(problem_of([&] { data.get_mask("nothing"); }), HasSubstr("nothing: there is no data of that name"));
}

void check_step_and_squash(const std::string& kind) {
    const Tables tables(kind);
    DataSparsifier data(first_row);
    for (size_t i = 0; i < 3; ++i) tables.add(data, i);
    std::vector<at::Tensor> before;
    for (const at::Tensor& tensor : tables.tensors) before.push_back(tensor.detach().clone());
    for (int time = 0; time < 3; ++time) data.step();
    EXPECT_EQ(data.pruning().steps_taken(), 3);
    for (size_t i = 0; i < 3; ++i) {
        const std::string name = "table" + std::to_string(i);
        EXPECT_FALSE(data.get_mask(name)[0].any().item<bool>());
        EXPECT_TRUE(data.get_mask(name).slice(0, 1).all().item<bool>());
        EXPECT_TRUE(tables.tensors[i].equal(before[i])) << "the original is kept";
        EXPECT_TRUE(data.get_data(name, false).equal(before[i] * data.get_mask(name)));
    }
    data.squash_mask({{"table0", "table2"}});
    EXPECT_THAT(problem_of([&] { data.get_data("table0"); }), HasSubstr("table0"));
    EXPECT_THAT(problem_of([&] { data.squash_mask({{"table0"}}); }), HasSubstr("squashed already"));
    for (const size_t i : {0, 1, 2})
        EXPECT_TRUE(
            tables.tensors[i].equal(i == 1 ? before[i] : before[i] * data.get_mask("table" + std::to_string(i))))
            << "squashing writes the caller's tensor";
    EXPECT_TRUE(data.get_data("table1").is_same(tables.tensors[1]));
}

void check_replacing(const std::string& kind) {
    const Tables tables(kind), others(kind);
    int replaced = 0;
    DataSparsifier data(first_row, {}, Ties::lowest,
                        [&](const DataNotice& notice) { replaced += notice.kind == DataNotice::Kind::replaced; });
    tables.add(data, 0);
    data.step();
    EXPECT_FALSE(others.add(data, 0)[0].any().item<bool>()) << "the mask is kept";
    EXPECT_TRUE(data.get_data("table0").is_same(others.tensors[0]));
    others.add(data, 0, {.options = {}, .reuse_mask = false, .mask = nullptr});
    EXPECT_TRUE(data.get_mask("table0").all().item<bool>());
    EXPECT_EQ(replaced, 2);
    EXPECT_NE(problem_of([&] { data.add_data("table0", tables.tensors[1]); }), "") << "another shape, the same mask";
}

void check_references(const std::string& kind) {
    const Tables tables(kind);
    DataSparsifier data(first_row);
    tables.add(data, 0);
    const at::NoGradGuard no_grad;
    tables.tensors[0].fill_(9);
    EXPECT_TRUE(data.get_data("table0", false).eq(9).all().item<bool>()) << "written in place";
    tables.tensors[0].set_data(at::full({3, 3}, 4.0));
    EXPECT_TRUE(data.get_data("table0", false).eq(4).all().item<bool>()) << "given other memory";
    data.step();
    const auto version = tables.tensors[0]._version();
    data.squash_mask();
    EXPECT_GT(tables.tensors[0]._version(), version) << "autograd hears of the write";
    EXPECT_EQ(tables.tensors[0].sum().item<double>(), 24);
}

void check_state(const std::string& kind) {
    const Tables tables(kind), others(kind);
    DataSparsifier data(first_row, test_option(4));
    for (size_t i = 0; i < 3; ++i) tables.add(data, i);
    data.step();
    data.squash_mask({{"table1"}});
    const DataPruningState state = data.state_dict();
    DataSparsifier other(first_row);
    others.add(other, 0);
    {
        const at::NoGradGuard no_grad;
        others.tensors[0].zero_();
    }
    for (int time = 0; time < 2; ++time) {
        other.load_state_dict(state);
        ASSERT_EQ(other.pruning().size(), 3u);
        for (size_t i = 0; i < 3; ++i) {
            const std::string name = "table" + std::to_string(i);
            EXPECT_EQ(other.pruning().get_mask(name), data.pruning().get_mask(name));
            EXPECT_EQ(other.pruning().options(name), data.pruning().options(name));
            EXPECT_EQ(other.pruning().squashed(name), i == 1);
            EXPECT_TRUE(other.get_data(name, false).equal(data.get_data(name, false)));
        }
    }
    EXPECT_TRUE(other.get_data("table0").is_same(others.tensors[0])) << "the link to the caller's tensor holds";
    EXPECT_TRUE(others.tensors[0].equal(tables.tensors[0]));
    EXPECT_FALSE(other.get_data("table2").is_same(tables.tensors[2]));
}

void check_kind(const std::string& kind) {
    SCOPED_TRACE(kind);
    check_groups(kind);
    check_step_and_squash(kind);
    check_replacing(kind);
    check_references(kind);
    check_state(kind);
}

TEST(TestBaseDataSparsifier, tensors) {
    check_kind("tensors");
}

TEST(TestBaseDataSparsifier, nn_parameters) {
    check_kind("parameters");
}

TEST(TestBaseDataSparsifier, nn_embeddings) {
    check_kind("embeddings");
}

/// data_norm on live tables: as many zeros as its formula says, and never another value than mask times original.
void check_norm(const std::string& kind) {
    SCOPED_TRACE(kind);
    for (const char* norm : {"L1", "L2"})
        for (const double level : {0.0, 0.2, 0.5, 1.0}) {
            const Tables tables(kind);
            Options options;
            options.set("norm", std::string(norm));
            options.set("sparsity_level", level);
            options.set("sparse_block_shape", std::vector<int64_t>{1, 1});
            DataSparsifier data(sparsifier("data_norm"), options);
            for (size_t i = 0; i < 3; ++i) tables.add(data, i);
            data.step();
            for (size_t i = 0; i < 3; ++i) {
                const std::string name = "table" + std::to_string(i);
                const auto size = double(tables.tensors[i].numel());
                EXPECT_EQ(double(data.pruning().get_mask(name).pruned()), std::nearbyint(level * size));
                const at::Tensor mask = data.get_mask(name), magnitude = tables.tensors[i].detach().abs();
                if (level != 0.5) continue;
                EXPECT_LE(magnitude.masked_select(mask.logical_not()).max().item<double>(),
                          magnitude.masked_select(mask).min().item<double>());
            }
        }
}

TEST(TestNormDataSparsifiers, tensors) {
    check_norm("tensors");
}

TEST(TestNormDataSparsifiers, nn_parameters) {
    check_norm("parameters");
}

TEST(TestNormDataSparsifiers, nn_embeddings) {
    check_norm("embeddings");
}

TEST(DataSparsifier, TrainingShowsInTheMasks) {
    torch::nn::Embedding table(2, 4);
    {
        const at::NoGradGuard no_grad;
        table->weight.copy_(torch::arange(8.0).reshape({2, 4}) + 1);
    }
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, 4});
    DataSparsifier data(sparsifier("data_norm"), options);
    data.add_data("table", *table);
    data.step();
    EXPECT_FALSE(data.get_mask("table")[0].any().item<bool>());
    torch::optim::SGD sgd({table->weight}, 1.0);
    (table->weight[1].sum() * 8).backward();  // row 1 becomes −3 … 0
    sgd.step();
    data.step();
    EXPECT_TRUE(data.get_mask("table")[0].all().item<bool>()) << "revived";
    EXPECT_FALSE(data.get_mask("table")[1].any().item<bool>());
}

TEST(DataSparsifier, OtherLayersAndTensorsAreRefused) {
    DataSparsifier data(first_row);
    EXPECT_THAT(problem_of([&] { data.add_data("fc", *torch::nn::Linear(2, 2)); }),
                HasSubstr("neither a tensor nor an Embedding"));
    EXPECT_NE(problem_of([&] { data.add_data("coo", torch::eye(3).to_sparse()); }), "");
    EXPECT_EQ(data.pruning().size(), 0u);
}

}  // namespace
}  // namespace lacuna
