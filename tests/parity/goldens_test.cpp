// The frozen masks of torch.ao.pruning 2.11 (make_goldens.py), bit for bit.

#include <gmock/gmock.h>

#include "engine/base/parallel.h"
#include "tests/parity/cases.h"

namespace lacuna::parity {
namespace {

class Goldens : public ::testing::Test {
  protected:
    CheckpointPtr file = open_checkpoint(LACUNA_TEST_DATA "/parity/goldens.safetensors");

    TensorView tensor(const std::string& name) const { return file->view(file->find(name).value()); }

    Mask golden(const std::string& name, const Shape& shape) const { return unpacked(tensor(name), shape); }

    void compare(Ties ties, const std::string& suffix) {
        int compared = 0;
        for (const auto& [name, text] : file->metadata()) {
            if (!file->find(name + suffix)) continue;
            Case one = parse_case(text);
            one.ties = ties;
            const TensorView weight = tensor(name + ".weight");
            const Mask mask = run_case(one, weight), expected = golden(name + suffix, weight.shape);
            ASSERT_EQ((mask ^ expected).kept(), 0)
                << name << ": " << text << " on " << to_string(weight.shape) << " " << dtype_name(weight.dtype);
            ++compared;
        }
        EXPECT_GE(compared, 350);
    }
};

TEST_F(Goldens, AtenTies) {
    compare(Ties::aten, ".aten");
}

TEST_F(Goldens, LowestTies) {
    compare(Ties::lowest, ".lowest");
}

TEST_F(Goldens, SameAtAnyNumberOfThreads) {
    for (const int count : {1, 2, 7}) {
        set_threads(count);
        compare(Ties::lowest, ".lowest");
    }
    set_threads(0);
}

}  // namespace
}  // namespace lacuna::parity
