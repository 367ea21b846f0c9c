#pragma once

#include <gmock/gmock.h>

#include "engine/session/pruning.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna::testing_support {

/// Upstream's SimpleLinear as a checkpoint: seq(7-5-6-4), linear1 4-4, linear2 4-10, and what pruning it needs.
class SimpleLinear {
  public:
    SimpleLinear()
        : path_(
              write_safetensors(folder_ / "model.safetensors",
                                {random_weights("seq.0.weight", {5, 7}, 1), random_weights("seq.1.weight", {6, 5}, 2),
                                 random_weights("seq.2.weight", {4, 6}, 3), random_weights("linear1.weight", {4, 4}, 4),
                                 random_weights("linear2.weight", {10, 4}, 5)})),
          checkpoint_(open_checkpoint(path_)) {}

    const CheckpointPtr& checkpoint() const { return checkpoint_; }
    const ScratchFolder& folder() const { return folder_; }

    /// prepare: every weight under one sparsifier.
    Pruning prepared(const std::string& sparsifier_name, const Options& options = {}) const {
        Recipe recipe;
        recipe.groups.push_back({.layers = {"*"}, .except = {}, .sparsifier = sparsifier_name, .options = options});
        return Pruning(checkpoint_, resolve(recipe, *checkpoint_));
    }

    /// squash: writes the pruned checkpoint and opens it.
    CheckpointPtr squashed(const Pruning& pruning) const {
        Progress silent;
        const auto out = folder_ / "squashed.safetensors";
        export_checkpoint(*checkpoint_, pruning.masks(), out, checkpoint_->format(), silent);
        return open_checkpoint(out);
    }

  private:
    ScratchFolder folder_;
    std::filesystem::path path_;
    CheckpointPtr checkpoint_;
};

inline std::vector<float> values_of(const Checkpoint& checkpoint, const std::string& name) {
    const TensorView view = checkpoint.view(checkpoint.find(name).value());
    std::vector<float> values(static_cast<size_t>(view.elements()));
    read_as_float(view, 0, view.elements(), values.data());
    return values;
}

/// Squashing writes mask·weight, nothing else, and no mask is left in the file.
inline void expect_squashed(const SimpleLinear& model, const Pruning& pruning) {
    const CheckpointPtr squashed = model.squashed(pruning);
    ASSERT_EQ(squashed->tensors().size(), model.checkpoint()->tensors().size());
    for (const auto& group : pruning.groups()) {
        std::vector<float> expected = values_of(*model.checkpoint(), group.fqn);
        for (size_t i = 0; i < expected.size(); ++i)
            if (!(*group.fake_sparsity.mask)[int64_t(i)]) expected[i] = 0;
        EXPECT_EQ(values_of(*squashed, group.fqn), expected) << group.fqn;
    }
    for (size_t i = 0; i < squashed->tensors().size(); ++i)
        EXPECT_EQ(squashed->tensors()[i].name, model.checkpoint()->tensors()[i].name);
}

/// prepare puts a mask of ones on each of the five weights.
inline void expect_prepared(const SimpleLinear& model, const Pruning& pruning) {
    ASSERT_EQ(pruning.groups().size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
        const auto& group = pruning.groups()[i];
        EXPECT_EQ(group.fqn, model.checkpoint()->tensors()[i].name);
        ASSERT_NE(group.fake_sparsity.mask, nullptr);
        EXPECT_TRUE(group.fake_sparsity.enabled);
        EXPECT_EQ(*group.fake_sparsity.mask, Mask::ones(model.checkpoint()->tensors()[i].shape));
    }
}

}  // namespace lacuna::testing_support
