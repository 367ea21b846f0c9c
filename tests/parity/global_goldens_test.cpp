// The frozen masks of torch.nn.utils.prune.global_unstructured (make_global_goldens.py), bit for bit.

#include <gtest/gtest.h>

#include "engine/base/parallel.h"
#include "tests/parity/cases.h"

namespace lacuna::parity {
namespace {

class GlobalGoldens : public ::testing::Test {
  protected:
    CheckpointPtr file = open_checkpoint(LACUNA_TEST_DATA "/parity/global_goldens.safetensors");

    TensorView tensor(const std::string& name) const { return file->view(file->find(name).value()); }

    void compare(Ties ties, const std::string& suffix) {
        const Sparsifier& rule = sparsifier("magnitude");
        for (const auto& [name, text] : file->metadata()) {
            std::istringstream in(text);
            double level = 0;
            size_t tensors = 0;
            in >> level >> tensors;
            Options options;
            options.set("sparsity_level", level);
            options = rule.complete(options);
            std::vector<Mask> ones;
            for (size_t i = 0; i < tensors; ++i)
                ones.push_back(Mask::ones(tensor(name + "." + std::to_string(i) + ".weight").shape));
            std::vector<MaskRequest> unit;
            for (size_t i = 0; i < tensors; ++i)
                unit.push_back({.weight = tensor(name + "." + std::to_string(i) + ".weight"),
                                .current = &ones[i],
                                .options = &options,
                                .ties = ties,
                                .name = name});
            const std::vector<Mask> masks = rule.compute_all(unit);
            ASSERT_EQ(masks.size(), tensors);
            for (size_t i = 0; i < tensors; ++i) {
                const Shape& shape = unit[i].weight.shape;
                const Mask expected = unpacked(tensor(name + "." + std::to_string(i) + suffix), shape);
                ASSERT_EQ(masks[i].shape(), shape);
                ASSERT_EQ((masks[i] ^ expected).kept(), 0)
                    << name << ": " << text << ", tensor " << i << " " << to_string(shape);
            }
        }
        EXPECT_GE(file->metadata().size(), 160u);
    }
};

TEST_F(GlobalGoldens, AtenTies) {
    compare(Ties::aten, ".aten");
}

TEST_F(GlobalGoldens, LowestTies) {
    compare(Ties::lowest, ".lowest");
}

TEST_F(GlobalGoldens, SameAtAnyNumberOfThreads) {
    for (const int count : {1, 2, 7}) {
        set_threads(count);
        compare(Ties::lowest, ".lowest");
    }
    set_threads(0);
}

}  // namespace
}  // namespace lacuna::parity
