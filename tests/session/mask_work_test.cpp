#include "engine/session/mask_work.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "engine/base/error.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;

/// A rule that throws what is no Error.
class Broken final : public Sparsifier {
  public:
    explicit Broken(bool cancelled) : cancelled_(cancelled) {}
    std::string_view name() const override { return "broken"; }
    std::string_view title() const override { return "Broken"; }
    std::string_view help() const override { return ""; }
    std::string_view source() const override { return ""; }
    std::span<const OptionSpec> options() const override { return {}; }
    std::string why_not(const Shape&, DType) const override { return ""; }
    void check(const Options&, const Shape*) const override {}
    Mask compute(const MaskRequest&) const override {
        if (cancelled_) throw Cancelled();
        throw std::length_error("a vector that long cannot be");
    }

  private:
    const bool cancelled_;
};

std::vector<MaskWork> computed(const ScratchFolder& folder, const Sparsifier& rule) {
    const auto model = std::make_shared<const Model>(
        open_checkpoint(write_safetensors(folder / "m.safetensors", {random_weights("w", {4, 4}, 1)})));
    Document document = *new_document(model);
    auto state = std::make_shared<TensorState>(*document.tensors[0]);
    state->sparsifier = &rule;
    state->computing = true;
    document.tensors[0] = std::move(state);
    std::vector<MaskWork> work = preview_work(document, std::nullopt, false);
    Progress progress;
    compute_masks(document, work, progress);
    return work;
}

TEST(MaskWork, WhateverARuleThrowsIsAProblemOfItsTensor) {
    const ScratchFolder folder;
    const Broken rule(false);
    const auto work = computed(folder, rule);
    ASSERT_EQ(work.size(), 1u);
    EXPECT_EQ(work[0].problem, "a vector that long cannot be");
}

TEST(MaskWork, CancellingIsNoProblem) {
    const ScratchFolder folder;
    const Broken rule(true);
    EXPECT_THROW(computed(folder, rule), Cancelled);
}

}  // namespace
}  // namespace lacuna
