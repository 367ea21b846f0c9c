// The frozen masks of Wanda's rule in torch (make_wanda_goldens.py), bit for bit.

#include <gtest/gtest.h>

#include "engine/base/parallel.h"
#include "tests/parity/cases.h"

namespace lacuna::parity {
namespace {

class WandaGoldens : public ::testing::Test {
  protected:
    CheckpointPtr file = open_checkpoint(LACUNA_TEST_DATA "/parity/wanda_goldens.safetensors");

    TensorView tensor(const std::string& name) const { return file->view(file->find(name).value()); }

    Mask computed(const std::string& name, const std::string& text, Ties ties) const {
        std::istringstream in(text);
        double level = 0;
        int64_t size = 0;
        std::string norm, scope;
        Activations seen;
        in >> level >> size >> norm >> scope >> seen.weight_dim;
        const TensorView squares = tensor(name + ".squares");
        seen.squares.resize(size_t(squares.elements()));
        read_as_double(squares, 0, squares.elements(), seen.squares.data());
        Options options;
        options.set("sparsity_level", level);
        options.set("semi_structured_block_size", size);
        options.set("norm", norm);
        options.set("scope", scope);
        const TensorView weight = tensor(name + ".weight");
        const Mask zeros = Mask::zeros(weight.shape);  // the mask so far does not matter
        return sparsifier("wanda").compute({.weight = weight,
                                            .current = &zeros,
                                            .options = &options,
                                            .ties = ties,
                                            .name = name,
                                            .activations = &seen});
    }

    size_t compare(Ties ties, const std::string& suffix) {
        size_t compared = 0;
        for (const auto& [name, text] : file->metadata()) {
            if (!file->find(name + suffix)) continue;
            const Mask mask = computed(name, text, ties);
            const Mask expected = unpacked(tensor(name + suffix), mask.shape());
            EXPECT_EQ((mask ^ expected).kept(), 0) << name << ": " << text << " on " << to_string(mask.shape());
            ++compared;
        }
        return compared;
    }
};

TEST_F(WandaGoldens, AtenTies) {
    EXPECT_GE(compare(Ties::aten, ".aten"), 150u);
}

TEST_F(WandaGoldens, LowestTies) {
    EXPECT_GE(compare(Ties::lowest, ".lowest"), 240u);
}

TEST_F(WandaGoldens, SameAtAnyNumberOfThreads) {
    for (const int count : {1, 3}) {
        set_threads(count);
        compare(Ties::lowest, ".lowest");
    }
    set_threads(0);
}

}  // namespace
}  // namespace lacuna::parity
