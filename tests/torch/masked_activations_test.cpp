#include "engine/torch/masked_activations.h"

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <fstream>
#include <sstream>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/observe_modules.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/tensor.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

// The conversion `masked_activations` on the demo networks.

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace testing_support;

const fs::path demo = fs::path(LACUNA_RESOURCES) / "demo";

ConversionRequest request_for(const std::string& network, const fs::path& out, double level,
                              const std::string& layers) {
    ConversionRequest request;
    request.checkpoint = open_checkpoint(demo / (network + ".pt"));
    request.conversion = "masked_activations";
    request.options.set("sparsity_level", level);
    request.options.set("layers", layers);
    request.data = Dataset::open(demo / "digits_test.safetensors");
    request.out = out;
    return request;
}

std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

class MaskedActivations : public testing::TestWithParam<std::string> {
  protected:
    ScratchFolder folder;
    Progress silent;
};
INSTANTIATE_TEST_SUITE_P(networks, MaskedActivations, testing::Values("digits_cnn", "digits_transformer"));

TEST_P(MaskedActivations, zeroes_the_features_that_carry_least) {
    const ConversionRequest request = request_for(GetParam(), folder / "masked.pt", 0.25, "all");
    const ConversionReport report = convert(request, silent);
    const torch::jit::Module before = torch::jit::load((demo / (GetParam() + ".pt")).string());
    torch::jit::Module after = torch::jit::load(request.out.string());
    after.eval();
    const at::Tensor inputs = as_tensor(request.data->inputs());
    ASSERT_FALSE(report.rows.empty());
    EXPECT_EQ(report.parameters_before, report.parameters_after);
    EXPECT_GT(*report.largest_difference, 0);

    // Where the layer multiplies: the masks that the saved code holds against the norms that the model shows.
    std::map<std::string, at::Tensor> seen;
    torch::jit::Module plain = before;
    plain.eval();
    HookedModule hooked(plain);
    for (const ConversionRow& row : report.rows) {
        const std::string fqn = row.name.substr(0, row.name.rfind('.'));
        hooked.before(fqn, [&seen, fqn](c10::IValue& x) { seen[fqn] = x.toTensor().to(at::kDouble); });
    }
    const at::NoGradGuard no_grad;
    const OneThread one_thread;  // small operators on a busy machine: waiting for threads takes longer
    hooked.forward({inputs});
    for (const ConversionRow& row : report.rows) {
        const std::string fqn = row.name.substr(0, row.name.rfind('.'));
        const int64_t dim = row.before.size() > 2 ? 1 : seen[fqn].dim() - 1, features = seen[fqn].size(dim);
        const at::Tensor scores = seen[fqn].movedim(dim, 0).flatten(1).square().sum(1);
        const int64_t zeroed = features / 4;
        EXPECT_EQ(row.what, std::to_string(zeroed) + " of " + std::to_string(features) + " input features zeroed");
        const at::Tensor mask = fqn_to_module(after, fqn)->attr("lacuna_masks").toTensorVector().at(0).flatten();
        EXPECT_EQ(mask.eq(0).sum().item<int64_t>(), zeroed);
        if (zeroed == 0) continue;
        EXPECT_LE(scores.masked_select(mask.eq(0)).max().item<double>(),
                  scores.masked_select(mask.ne(0)).min().item<double>() * (1 + 1e-5));
    }
    EXPECT_FALSE(at::equal(after.forward({inputs}).toTensor(), plain.forward({inputs}).toTensor()));
}

TEST_P(MaskedActivations, writes_the_same_bytes_on_any_number_of_threads) {
    std::vector<std::string> files;
    for (const int count : {1, 3}) {
        set_threads(count);
        const ConversionRequest request = request_for(GetParam(), folder / "masked.pt", 0.5, "linear");
        convert(request, silent);
        files.push_back(bytes_of(request.out));
    }
    set_threads(0);
    EXPECT_EQ(files[0], files[1]);
}

TEST_P(MaskedActivations, nothing_zeroed_is_the_model_itself_and_weight_masks_are_applied) {
    ConversionRequest request = request_for(GetParam(), folder / "masked.pt", 0, "all");
    const ConversionReport report = convert(request, silent);
    EXPECT_EQ(report.largest_difference, 0);
    const std::string name = report.rows.back().name;
    const auto index = request.checkpoint->find(name);
    request.masks[name] = std::make_shared<const Mask>(Mask::zeros(request.checkpoint->tensors()[*index].shape));
    convert(request, silent);
    const CheckpointPtr written = open_checkpoint(request.out);
    const Mask zeros = Mask::from_tensor(written->view(*written->find(name)));
    EXPECT_EQ(zeros.kept(), 0);
}

TEST(MaskedActivationsRefusals, are_one_line) {
    const ScratchFolder folder;
    Progress silent;
    const auto message = [&](const ConversionRequest& request) -> std::string {
        try {
            convert(request, silent);
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    ConversionRequest request = request_for("digits_transformer", folder / "masked.pt", 0.5, "convolution");
    EXPECT_THAT(message(request), HasSubstr("no module that is a convolution layer"));
    request = request_for("digits_cnn", folder / "masked.pt", 0.5, "all");
    request.data = nullptr;
    EXPECT_THAT(message(request), HasSubstr("must run the model on samples"));
    request.data =
        Dataset::open(write_safetensors(folder / "data.safetensors", {random_weights("inputs", {2, 3, 5, 5})}));
    EXPECT_THAT(message(request), HasSubstr("cannot run on inputs of shape"));
    EXPECT_FALSE(fs::exists(request.out));
}

}  // namespace
}  // namespace lacuna
