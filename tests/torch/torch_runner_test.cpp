#include "engine/torch/torch_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/formats/formats.h"
#include "engine/model/model.h"
#include "engine/sparsifiers/sparsifier.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"
#include "tests/torch/scripts.h"

// The demo networks against what PyTorch measured when they were made (resources/demo/expected.json).

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace testing_support;

const fs::path demo = fs::path(LACUNA_RESOURCES) / "demo";

DatasetPtr demo_data() {
    return Dataset::open(demo / "digits_test.safetensors");
}

/// The masks that prune `level` of the 1×`columns` blocks of every weight that `layers: "*"` takes.
MaskSet masks_of(const Checkpoint& checkpoint, double level, int64_t columns) {
    const Sparsifier& rule = sparsifier("weight_norm");
    Options options;
    options.set("sparsity_level", level);
    options.set("sparse_block_shape", std::vector<int64_t>{1, columns});
    options = rule.complete(options);
    MaskSet masks;
    for (size_t i = 0; i < checkpoint.tensors().size(); ++i) {
        const TensorInfo& tensor = checkpoint.tensors()[i];
        if (!prunable_by_default(tensor)) continue;
        const Mask ones = Mask::ones(tensor.shape);
        const MaskRequest request{checkpoint.view(i), &ones, &options, Ties::lowest, tensor.name};
        masks[tensor.name] = std::make_shared<const Mask>(rule.compute(request));
    }
    return masks;
}

class DemoRunner : public testing::TestWithParam<std::string> {
  protected:
    CheckpointPtr checkpoint = open_checkpoint(demo / (GetParam() + ".pt"));
    DatasetPtr data = demo_data();
    Progress silent;
};
INSTANTIATE_TEST_SUITE_P(networks, DemoRunner, testing::Values("digits_cnn", "digits_transformer"));

TEST_P(DemoRunner, accuracy_under_masks_is_pythons) {
    std::ifstream file(demo / "expected.json");
    const nlohmann::json expected = nlohmann::json::parse(file)["models"][GetParam()];
    const auto runner = make_torch_runner(checkpoint, "cpu");
    for (const int64_t columns : {1, 4}) {
        for (const auto& row : expected["1x" + std::to_string(columns)]) {
            const double level = row["sparsity_level"];
            const Evaluation result = runner->evaluate(*data, masks_of(*checkpoint, level, columns), silent);
            EXPECT_EQ(result.samples, row["samples"]);
            EXPECT_EQ(result.correct, row["correct"]) << "level " << level << ", 1×" << columns;
            EXPECT_DOUBLE_EQ(result.accuracy, row["accuracy"]);
            EXPECT_NEAR(result.loss, row["loss"], 1e-5);
        }
    }
    const Evaluation dense = runner->evaluate(*data, {}, silent);
    EXPECT_EQ(dense.correct, expected["1x1"][0]["correct"]) << "the originals are back";
}

TEST_P(DemoRunner, masks_weigh_as_the_exported_file_does) {
    const ScratchFolder folder;
    const MaskSet masks = masks_of(*checkpoint, 0.8, 4);
    const fs::path out = folder / "pruned.pt";
    export_checkpoint(*checkpoint, masks, out, Format::torchscript, silent);
    const Evaluation masked = make_torch_runner(checkpoint, "cpu")->evaluate(*data, masks, silent);
    const Evaluation exported = make_torch_runner(open_checkpoint(out), "cpu")->evaluate(*data, {}, silent);
    EXPECT_EQ(masked.loss, exported.loss) << "the same bits";
    EXPECT_EQ(masked.correct, exported.correct);
    EXPECT_LT(masked.correct, make_torch_runner(checkpoint, "cpu")->evaluate(*data, {}, silent).correct);
}

TEST_P(DemoRunner, the_number_of_threads_changes_no_bit) {
    const MaskSet masks = masks_of(*checkpoint, 0.7, 1);
    std::vector<double> losses;
    for (const int count : {1, 2, 3, 8}) {
        set_threads(count);
        losses.push_back(make_torch_runner(checkpoint, "cpu")->evaluate(*data, masks, silent).loss);
    }
    set_threads(0);
    EXPECT_THAT(losses, testing::Each(losses[0]));
}

TEST_P(DemoRunner, cancels_between_batches_and_can_be_asked_again) {
    const auto runner = make_torch_runner(checkpoint, "cpu");
    CancelToken token;
    uint64_t done = 0;
    Progress progress(
        [&](const ProgressState& state) {
            done = state.done;
            token.cancel();
        },
        token);
    EXPECT_THROW(runner->evaluate(*data, masks_of(*checkpoint, 0.9, 1), progress), Cancelled);
    EXPECT_LT(done, uint64_t(data->samples()));
    const Evaluation fresh = make_torch_runner(checkpoint, "cpu")->evaluate(*data, {}, silent);
    EXPECT_EQ(runner->evaluate(*data, {}, silent).loss, fresh.loss);
}

TEST_P(DemoRunner, masks_that_do_not_fit_are_refused) {
    const auto runner = make_torch_runner(checkpoint, "cpu");
    const double dense = runner->evaluate(*data, {}, silent).loss;
    const auto mask = [](Shape shape) { return std::make_shared<const Mask>(Mask::zeros(std::move(shape))); };
    const std::string name = checkpoint->tensors()[0].name;
    EXPECT_THAT(error_of([&] {
                    runner->evaluate(*data, {{"nothing.weight", mask({1})}}, silent);
                }).what(),
                HasSubstr("nothing.weight"));
    EXPECT_THAT(error_of([&] { runner->evaluate(*data, {{name, mask({3, 1})}}, silent); }).what(), HasSubstr("[3, 1]"));
    EXPECT_EQ(runner->evaluate(*data, {}, silent).loss, dense);
}

std::vector<std::string> weights_of(const Checkpoint& checkpoint) {
    std::vector<std::string> names;
    for (const TensorInfo& tensor : checkpoint.tensors())
        if (prunable_by_default(tensor) && tensor.name != "position.weight") names.push_back(tensor.name);
    return names;
}

TEST_P(DemoRunner, calibration_is_what_pythons_hooks_see) {
    std::ifstream file(fs::path(LACUNA_TEST_DATA) / "torch" / "calibration.json");
    const nlohmann::json expected = nlohmann::json::parse(file)[GetParam()];
    const std::vector<std::string> names = weights_of(*checkpoint);
    const ActivationSet found = make_torch_runner(checkpoint, "cpu")->calibrate(*data, names, silent);
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [name, activations] : found) {
        const auto& wanted = expected[name];
        EXPECT_EQ(activations->rows, wanted["rows"]) << name;
        EXPECT_EQ(activations->weight_dim, 1);
        ASSERT_EQ(activations->squares.size(), wanted["features"]) << name;
        double sum = 0;
        for (const double square : activations->squares) sum += square;
        EXPECT_NEAR(sum, wanted["sum"], 1e-5 * sum) << name;
        EXPECT_NEAR(activations->squares.front(), wanted["first"], 1e-4 * activations->squares.front()) << name;
        EXPECT_NEAR(activations->squares.back(), wanted["last"], 1e-4 * activations->squares.back()) << name;
    }
}

TEST_P(DemoRunner, calibration_is_the_same_on_any_number_of_threads_and_after_masks) {
    const std::vector<std::string> names = weights_of(*checkpoint);
    const auto runner = make_torch_runner(checkpoint, "cpu");
    const ActivationSet first = runner->calibrate(*data, names, silent);
    for (const int count : {1, 2, 3, 8}) {
        set_threads(count);
        runner->evaluate(*data, masks_of(*checkpoint, 0.9, 1), silent);
        for (const auto& [name, activations] : runner->calibrate(*data, names, silent)) {
            EXPECT_EQ(activations->squares, first.at(name)->squares) << name << " on " << count;
            EXPECT_EQ(activations->rows, first.at(name)->rows);
        }
    }
    set_threads(0);
}

TEST_P(DemoRunner, calibration_can_be_cancelled_and_names_what_it_cannot_do) {
    const auto runner = make_torch_runner(checkpoint, "cpu");
    CancelToken token;
    token.cancel();
    Progress cancelled({}, token);
    EXPECT_THROW(runner->calibrate(*data, weights_of(*checkpoint), cancelled), Cancelled);
    const std::string name = weights_of(*checkpoint).front(), bias = name.substr(0, name.rfind('.')) + ".bias";
    EXPECT_THAT(error_of([&] {
                    runner->calibrate(*data, {name, "nothing.weight"}, silent);
                }).what(),
                HasSubstr("nothing.weight: the model has no tensor"));
    EXPECT_THAT(error_of([&] {
                    runner->calibrate(*data, {name, bias}, silent);
                }).what(),
                HasSubstr(bias + ": the model ran no linear layer"));
    EXPECT_TRUE(runner->calibrate(*data, {}, silent).empty());
}

TEST(TorchRunner, calibrates_on_data_without_labels) {
    const ScratchFolder folder;
    const fs::path path = write_safetensors(folder / "data.safetensors", {random_weights("inputs", {2, 1, 8, 8})});
    const DatasetPtr data = Dataset::open(path);
    EXPECT_FALSE(data->has_labels());
    const auto runner = make_torch_runner(open_checkpoint(demo / "digits_cnn.pt"), "cpu");
    Progress silent;
    const ActivationSet found = runner->calibrate(*data, {"conv1.weight", "fc1.weight"}, silent);
    EXPECT_EQ(found.at("conv1.weight")->rows, 128);
    EXPECT_EQ(found.at("fc1.weight")->rows, 2);
    EXPECT_THAT(error_of([&] { runner->evaluate(*data, {}, silent); }).what(), HasSubstr("no tensor called labels"));
}

/// One weight is met as it should be, one along both of its dimensions, one in no multiplication at all: what can be
/// calibrated is, in one run over the data.
TEST(TorchRunner, weights_without_an_input_are_left_out_in_one_run) {
    const ScratchFolder folder;
    torch::jit::Module module =
        scripted("Net",
                 "def forward(self, x):\n"
                 "    y = torch.linear(x, self.plain)\n"
                 "    z = torch.matmul(y, self.both)\n"
                 "    return torch.linear(z, self.both) + self.table[0]\n",
                 {{"plain", torch::ones({4, 3})}, {"both", torch::ones({4, 4})}, {"table", torch::ones({5, 4})}});
    module.save((folder / "net.pt").string());
    const auto runner = make_torch_runner(open_checkpoint(folder / "net.pt"), "cpu");
    const DatasetPtr data =
        Dataset::open(write_safetensors(folder / "data.safetensors", {random_weights("inputs", {200, 3})}));
    const std::vector<std::string> names{"plain", "both", "table"};
    uint64_t begun = 0, done = 0;
    Progress counted([&](const ProgressState& state) {
        begun += state.done == 0;
        done = state.done;
    });
    const ActivationSet found = runner->calibrate(*data, names, counted, WithoutInput::leave_out);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found.at("plain")->rows, 200);
    EXPECT_EQ(begun, 1u) << "the data ran once";
    EXPECT_EQ(done, 200u);
    Progress silent;
    EXPECT_EQ(found.at("plain")->squares, runner->calibrate(*data, {"plain"}, silent).at("plain")->squares);
    EXPECT_THAT(error_of([&] { runner->calibrate(*data, names, silent); }).what(),
                HasSubstr("both: the model multiplies along both of its dimensions"));
}

TEST(TorchRunner, progress_counts_samples) {
    std::vector<uint64_t> totals, done;
    Progress progress([&](const ProgressState& state) {
        totals.push_back(state.total);
        done.push_back(state.done);
    });
    make_torch_runner(open_checkpoint(demo / "digits_cnn.pt"), "cpu")->evaluate(*demo_data(), {}, progress);
    EXPECT_THAT(totals, testing::Each(450u));
    EXPECT_EQ(done.front(), 0u);
    EXPECT_EQ(done.back(), 450u);
}

TEST(TorchRunner, inputs_of_the_wrong_shape_are_one_clear_line) {
    const ScratchFolder folder;
    const auto labels = tensor_of<int64_t>("labels", DType::I64, {2}, {0, 1});
    const fs::path path =
        write_safetensors(folder / "data.safetensors", {random_weights("inputs", {2, 3, 5, 5}), labels});
    const auto runner = make_torch_runner(open_checkpoint(demo / "digits_cnn.pt"), "cpu");
    Progress silent;
    const Error error = error_of([&] { runner->evaluate(*Dataset::open(path), {}, silent); });
    EXPECT_EQ(error.kind(), ErrorKind::argument);
    EXPECT_THAT(error.what(), HasSubstr("[2, 3, 5, 5] F32"));
    EXPECT_THAT(error.what(), HasSubstr("channels"));
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("frame #")));
    EXPECT_LT(std::string(error.what()).size(), 600u);
}

TEST(TorchRunner, a_model_that_throws_is_one_clear_line) {
    const ScratchFolder folder;
    scripted("Net", "def forward(self, x):\n    assert x.size(0) == 0, 'no luck'\n    return x\n")
        .save((folder / "net.pt").string());
    const auto runner = make_torch_runner(open_checkpoint(folder / "net.pt"), "cpu");
    const DatasetPtr data = Dataset::open(
        write_safetensors(folder / "data.safetensors",
                          {random_weights("inputs", {2, 3}), tensor_of<int64_t>("labels", DType::I64, {2}, {0, 1})}));
    Progress silent;
    for (const Error& error : {error_of([&] { runner->evaluate(*data, {}, silent); }),
                               error_of([&] { runner->calibrate(*data, {}, silent); })}) {
        EXPECT_EQ(error.kind(), ErrorKind::argument);
        EXPECT_EQ(error.problem(), "the model cannot run on inputs of shape [2, 3] F32: AssertionError: no luck");
        EXPECT_THAT(error.hint(), HasSubstr("give inputs of the shape"));
    }
}

TEST(TorchRunner, a_model_of_several_inputs_is_told_so) {
    const ScratchFolder folder;
    scripted("Net", "def forward(self, tokens, mask, scale: float = 1.0):\n    return tokens * mask * scale\n")
        .save((folder / "net.pt").string());
    const auto runner = make_torch_runner(open_checkpoint(folder / "net.pt"), "cpu");
    const DatasetPtr data =
        Dataset::open(write_safetensors(folder / "data.safetensors", {random_weights("inputs", {2, 3})}));
    Progress silent;
    const Error error = error_of([&] { runner->calibrate(*data, {}, silent); });
    EXPECT_EQ(error.problem(), "the model needs 2 inputs (tokens, mask), and only one can be given");
    EXPECT_EQ(error.hint(), "save it inside a module whose forward takes one tensor");
}

TEST(TorchRunner, inputs_of_another_floating_type_and_labels_of_another_integer_one) {
    const ScratchFolder folder;
    const DatasetPtr data = demo_data();
    std::vector<double> wide(size_t(data->inputs().elements()));
    read_as_double(data->inputs(), 0, int64_t(wide.size()), wide.data());
    std::vector<double> label(size_t(data->samples()));
    read_as_double(data->labels(), 0, int64_t(label.size()), label.data());
    const std::vector<uint8_t> narrow(label.begin(), label.end());
    const auto path =
        write_safetensors(folder / "data.safetensors", {tensor_of("inputs", DType::F64, data->inputs().shape, wide),
                                                        tensor_of("labels", DType::U8, {data->samples()}, narrow)});
    const auto runner = make_torch_runner(open_checkpoint(demo / "digits_cnn.pt"), "cpu");
    Progress silent;
    EXPECT_EQ(runner->evaluate(*Dataset::open(path), {}, silent).loss, runner->evaluate(*data, {}, silent).loss);
}

TEST(TorchRunner, labels_that_are_no_class_are_refused) {
    const ScratchFolder folder;
    const auto path = write_safetensors(
        folder / "data.safetensors",
        {random_weights("inputs", {2, 1, 8, 8}), tensor_of<int64_t>("labels", DType::I64, {2}, {3, 10})});
    const auto runner = make_torch_runner(open_checkpoint(demo / "digits_cnn.pt"), "cpu");
    Progress silent;
    EXPECT_THAT(error_of([&] { runner->evaluate(*Dataset::open(path), {}, silent); }).what(),
                HasSubstr("10 is not one of the model's 10 classes"));
}

TEST(TorchRunner, weights_alone_do_not_run) {
    const Error error = error_of([] { make_torch_runner(open_checkpoint(demo / "digits_cnn.safetensors"), "cpu"); });
    EXPECT_EQ(error.kind(), ErrorKind::argument);
    EXPECT_THAT(error.what(), HasSubstr("no code"));
}

TEST(TorchRunner, devices) {
    const CheckpointPtr checkpoint = open_checkpoint(demo / "digits_cnn.pt");
    EXPECT_EQ(error_of([&] { make_torch_runner(checkpoint, "tpu"); }).kind(), ErrorKind::argument);
    std::unique_ptr<Runner> runner;
    try {
        runner = make_torch_runner(checkpoint, "cuda");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::missing);
        GTEST_SKIP() << error.what();
    }
    Progress silent;
    const Evaluation there = runner->evaluate(*demo_data(), masks_of(*checkpoint, 0.8, 1), silent);
    const Evaluation here =
        make_torch_runner(checkpoint, "cpu")->evaluate(*demo_data(), masks_of(*checkpoint, 0.8, 1), silent);
    EXPECT_NEAR(there.loss, here.loss, 1e-3);
}

}  // namespace
}  // namespace lacuna
