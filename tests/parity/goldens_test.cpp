// Frozen cases of the fuzzer (goldens.py), bit for bit: the masks of torch.ao.pruning 2.11 by `ties: aten`, those of
// literal rules in Python by `ties: lowest`, step after step.

#include <gtest/gtest.h>

#include "engine/base/parallel.h"
#include "tests/parity/cases.h"

namespace lacuna::parity {
namespace {

struct Family {
    std::string name;
    size_t cases, by_aten, by_lowest;  ///< how many cases there are, and steps that the file has masks for
};

class Goldens : public ::testing::TestWithParam<Family> {
  protected:
    CheckpointPtr file = open_checkpoint(LACUNA_TEST_DATA "/parity/goldens/" + GetParam().name + ".safetensors");

    size_t compare(Ties ties, const std::string& kind) {
        size_t compared = 0, cases = 0;
        for (const auto& [name, text] : file->metadata()) {
            const Case one(file, name);
            const std::vector<Case::Outcome> found = one.run(ties);
            ++cases;
            for (size_t step = 0; step < one.steps(); ++step) {
                const Case::Outcome expected = one.expected(step, kind);
                if (expected.empty()) continue;
                ++compared;
                EXPECT_EQ(found[step], expected) << name << " step " << step << ": " << text;
            }
        }
        EXPECT_EQ(cases, GetParam().cases);
        return compared;
    }
};

TEST_P(Goldens, AtenTies) {
    EXPECT_EQ(compare(Ties::aten, "aten"), GetParam().by_aten);
}

TEST_P(Goldens, LowestTies) {
    EXPECT_EQ(compare(Ties::lowest, "lowest"), GetParam().by_lowest);
}

TEST_P(Goldens, SameAtAnyNumberOfThreads) {
    for (const int count : {1, 2, 7}) {
        set_threads(count);
        compare(Ties::lowest, "lowest");
    }
    set_threads(0);
}

INSTANTIATE_TEST_SUITE_P(Families, Goldens,
                         ::testing::Values(Family{"weight_norm", 310, 516, 527}, Family{"custom_norm", 90, 175, 186},
                                           Family{"nearly_diagonal", 60, 37, 37}, Family{"n_m", 90, 122, 129},
                                           Family{"data_norm", 210, 310, 329}, Family{"magnitude", 170, 219, 334},
                                           Family{"wanda", 220, 422, 493}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace lacuna::parity
