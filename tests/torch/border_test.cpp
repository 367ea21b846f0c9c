#include "engine/torch/border.h"

#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <torch/script.h>

#include "engine/formats/formats.h"
#include "tests/support/error_of.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

// What leaves liblacuna_torch.so: the engine knows no type of LibTorch's.

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace testing_support;

/// Throws whatever it is told to.
class Thrower final : public Runner, public BlockDevice {
  public:
    explicit Thrower(std::function<void()> thrown) : thrown_(std::move(thrown)) {}

    Evaluation evaluate(const Dataset&, const MaskSet&, Progress&) override { return thrown_(), Evaluation(); }
    ActivationSet calibrate(const Dataset&, const std::vector<std::string>&, Progress&, WithoutInput) override {
        return thrown_(), ActivationSet();
    }
    std::optional<Mask> prune(const TensorView&, const Mask*, bool, const BlockRule&) override {
        return thrown_(), std::nullopt;
    }
    std::vector<std::byte> on_host(const TensorView&) override { return thrown_(), std::vector<std::byte>(); }

  private:
    std::function<void()> thrown_;
};

class Border : public testing::Test {
  protected:
    /// Every call that crosses it, where the other side throws so.
    std::vector<std::function<void()>> calls(const std::function<void()>& thrown) {
        runner = guarded(std::unique_ptr<Runner>(new Thrower(thrown)));
        device = guarded(std::unique_ptr<BlockDevice>(new Thrower(thrown)));
        return {[this] { runner->evaluate(*data, {}, silent); }, [this] { runner->calibrate(*data, {}, silent); },
                [this] { device->prune({}, nullptr, false, {}); }, [this] { device->on_host({}); }};
    }

    ScratchFolder folder;
    DatasetPtr data = Dataset::open(write_safetensors(folder / "data.safetensors", {random_weights("inputs", {2, 3})}));
    Progress silent;
    std::unique_ptr<Runner> runner;
    std::unique_ptr<BlockDevice> device;
};

TEST_F(Border, libtorchs_errors_become_errors_of_one_line) {
    for (const auto& thrown :
         {std::function<void()>([] { TORCH_CHECK(false, "no such kernel\nsecond line"); }),
          std::function<void()>([] { throw torch::jit::ErrorReport(torch::jit::SourceRange()) << "no such kernel"; }),
          std::function<void()>([] { throw std::runtime_error("no such kernel"); })})
        for (const auto& call : calls(thrown)) {
            const Error error = error_of(call);
            EXPECT_EQ(error.kind(), ErrorKind::state);
            EXPECT_EQ(error.where(), "LibTorch");
            EXPECT_THAT(error.problem(), HasSubstr("no such kernel"));
            EXPECT_THAT(error.problem(), Not(HasSubstr("second line")));
            EXPECT_THAT(error.problem(), Not(HasSubstr("frame #")));
        }
}

TEST_F(Border, what_the_engine_knows_passes_as_it_is) {
    for (const auto& call : calls([] { throw Error(ErrorKind::argument, "fc1", "is wrong", "mend it"); }))
        EXPECT_STREQ(error_of(call).what(), "fc1: is wrong; mend it");
    for (const auto& call : calls([] { throw Cancelled(); })) EXPECT_THROW(call(), Cancelled);
    for (const auto& call : calls([] { throw std::bad_alloc(); })) EXPECT_THROW(call(), std::bad_alloc);
}

}  // namespace
}  // namespace lacuna
