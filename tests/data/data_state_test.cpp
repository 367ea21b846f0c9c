// States of data sparsifiers in torch.save's form; what PyTorch makes of them is in peer_data_state.py.

#include "tests/data/data_sets.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::HasSubstr;

DataPruning stepped(const std::vector<OwnedData>& data, const Options& defaults) {
    DataPruning pruning(sparsifier("data_norm"), defaults);
    for (const OwnedData& one : data) pruning.add_data(one.name, one.ref);
    pruning.step();
    return pruning;
}

std::vector<OwnedData> tables() {
    std::vector<OwnedData> data;
    data.emplace_back("table", DType::F32, Shape{6, 8}, false, 1u);
    data.emplace_back("turned", DType::F64, Shape{4, 4}, true, 2u);
    data.emplace_back("cube", DType::BF16, Shape{2, 3, 4}, false, 3u);
    data.emplace_back("row", DType::F32, Shape{7}, false, 4u);
    data.emplace_back("nothing", DType::F32, Shape{0, 4}, false, 5u);
    return data;
}

TEST(TorchDataState, GoesToAFileAndBack) {
    const ScratchFolder folder;
    const auto data = tables();
    Options first_norm;
    first_norm.set("norm", std::string("L1"));
    DataPruning pruning = stepped(data, first_norm);
    pruning.squash_mask({{"turned"}});
    Progress progress;
    write_torch_state(pruning.state(), folder / "state.pt", progress);
    DataPruning again(pruning.rule());
    again.load_state(read_torch_state(folder / "state.pt", pruning.rule()));
    ASSERT_EQ(again.size(), data.size());
    EXPECT_EQ(again.steps_taken(), 1);
    for (const OwnedData& one : data) {
        EXPECT_EQ(again.options(one.name), pruning.options(one.name));
        EXPECT_EQ(again.get_mask(one.name), pruning.get_mask(one.name));
        EXPECT_EQ(again.squashed(one.name), one.name == "turned");
        EXPECT_EQ(again.get_masked(one.name), pruning.get_masked(one.name));
    }
    EXPECT_GT(again.get_mask("table").pruned(), 0);
}

TEST(TorchDataState, NamesThatPyTorchCannotHaveAreRefused) {
    const ScratchFolder folder;
    std::vector<OwnedData> data;
    data.emplace_back("a.b", DType::F32, Shape{2, 2});
    Progress progress;
    EXPECT_THAT(problem_of([&] { write_torch_state(stepped(data, {}).state(), folder / "s.pt", progress); }),
                HasSubstr("a.b: has a dot"));
    EXPECT_FALSE(std::filesystem::exists(folder / "s.pt"));
}

TEST(TorchDataState, OtherFilesAreRefused) {
    const std::filesystem::path fixtures = std::filesystem::path(LACUNA_TEST_DATA) / "formats/fixtures";
    EXPECT_THAT(problem_of([&] { read_torch_state(fixtures / "state_dict.pt", sparsifier("data_norm")); }),
                HasSubstr("holds no state of a data sparsifier"));
}

TEST(TorchDataState, ACutOffFileIsRefusedWhereverItIsCut) {
    const ScratchFolder folder;
    Progress progress;
    const auto data = tables();
    write_torch_state(stepped(data, {}).state(), folder / "state.pt", progress);
    const std::string whole = ScratchFolder::read(folder / "state.pt");
    for (size_t length = 1; length < whole.size(); length += 97)
        EXPECT_NE(problem_of([&] {
                      read_torch_state(folder.write("cut.pt", whole.substr(0, length)), sparsifier("data_norm"));
                  }),
                  "");
}

}  // namespace
}  // namespace lacuna
