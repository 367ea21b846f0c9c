// States that ask for more memory or time than their few bytes are worth. What a pickle holds once it can name as often
// as it likes ("q" keeps a value, "h" takes it again).
#include <gmock/gmock.h>

#include <ctime>

#include "engine/base/error.h"
#include "engine/formats/byte_writer.h"
#include "engine/formats/pickle_writer.h"
#include "engine/formats/torch_object_writer.h"
#include "engine/formats/zip_writer.h"
#include "engine/session/activations_file.h"
#include "engine/session/data_pruning.h"
#include "engine/session/sparsifier_state.h"
#include "engine/sparsifiers/registry.h"
#include "tests/support/problem_of.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::problem_of;
using testing_support::ScratchFolder;

const std::string keep = std::string("q\0", 2), again = std::string("h\0", 2);

std::string name(int i) {
    return "w" + std::to_string(i);
}

/// {key: value, …}
std::string dict(const TorchObjectWriter::Entries& entries) {
    return TorchObjectWriter::dict(entries);
}

class HostileState : public testing::Test {
  protected:
    /// A file of this object, with eight bytes as storage "0".
    std::filesystem::path file(const std::string& pickled) {
        Progress progress;
        ByteWriter writer(folder / "state.pt", folder / "state.pt", progress);
        ZipWriter zip(writer);
        zip.add("a/data.pkl", "\x80\x02" + pickled + ".");
        zip.add("a/data/0", std::string_view("\1\1\1\1\1\1\1\1"));
        zip.finish();
        writer.close();
        return folder / "state.pt";
    }
    std::string problem(const TorchObjectWriter::Entries& entries) {
        return problem_of([&] { read_sparsifier_state(file(dict(entries))); });
    }
    /// A mask of a million weights that all lie in one byte.
    static std::string expanded() { return *pickle::tensor(DType::U8, {1 << 20}, {0}, "0", 8, 0); }

    ScratchFolder folder;
};

TEST_F(HostileState, ValuesNamedAgainAndAgainAreRefused) {
    const std::string list = TorchObjectWriter::list(std::vector<std::string>(10'000, pickle::integer(7)));
    TorchObjectWriter::Entries entries{{"state", "}"}, {"groups", "]"}, {"list", list + keep}};
    EXPECT_EQ(problem(entries), "");
    for (int i = 0; i < 1000; ++i) entries.emplace_back(name(i), again);  // a gigabyte, were they copied
    EXPECT_THAT(problem(entries), HasSubstr("names the same values again and again"));
    TorchObjectWriter::Entries text{
        {"state", "}"}, {"groups", "]"}, {"text", pickle::text(std::string(1 << 20, 'x')) + keep}};
    EXPECT_EQ(problem(text), "");
    for (int i = 0; i < 1000; ++i) text.emplace_back(name(i), again);
    EXPECT_THAT(problem(text), HasSubstr("names the same values again and again"));
}

TEST_F(HostileState, MasksOfOneStorageAreRefusedOnceTheyAreMany) {
    TorchObjectWriter::Entries states{{name(0), dict({{"mask", expanded() + keep}})}};
    std::vector<std::string> groups{dict({{"tensor_fqn", pickle::text(name(0))}})};
    const auto state = [&] {
        return TorchObjectWriter::Entries{{"state", dict(states)}, {"groups", TorchObjectWriter::list(groups)}};
    };
    EXPECT_EQ(problem(state()), "");
    for (int i = 1; i < 1000; ++i) {
        states.emplace_back(name(i), dict({{"mask", again}}));
        groups.push_back(dict({{"tensor_fqn", pickle::text(name(i))}}));
    }
    EXPECT_THAT(problem(state()), HasSubstr("repeat their storages"));
}

TEST_F(HostileState, ASparseMaskIsNoLargerThanItsFileIsWorth) {
    const auto of = [&](int64_t weights) {
        const std::string none = *pickle::tensor(DType::I64, {1, 0}, {1, 1}, "0", 8, 0);
        const std::string values = *pickle::tensor(DType::I8, {0}, {1}, "0", 8, 0);
        const std::string mask = pickle::global("torch._utils", "_rebuild_sparse_tensor") + "(" +
                                 pickle::global("torch.serialization", "_get_layout") + "(" +
                                 pickle::text("torch.sparse_coo") + "tR(" + none + values + "(" +
                                 pickle::integer(weights) + "tttR";
        return TorchObjectWriter::Entries{
            {"state", dict({{"w", dict({{"mask", mask}})}})},
            {"groups", TorchObjectWriter::list({dict({{"tensor_fqn", pickle::text("w")}})})}};
    };
    EXPECT_EQ(problem(of(1000)), "");
    EXPECT_THAT(problem(of(int64_t(1) << 36)), HasSubstr("repeat their storages"));  // 8 GiB of bits
}

TEST_F(HostileState, ManyKeysTakeNoTimeThatGrowsWithTheirSquare) {
    TorchObjectWriter::Entries entries{{"state", "}"}, {"groups", "]"}};
    for (int i = 0; i < 200'000; ++i) entries.emplace_back(name(i), "N");
    const std::clock_t began = std::clock();  // the processor's time: other work on the machine does not count
    EXPECT_EQ(read_sparsifier_state(file(dict(entries))).extras.keys.size(), 200'000u);
    EXPECT_LT(double(std::clock() - began) / CLOCKS_PER_SEC, 10);
}

TEST_F(HostileState, AKeyThatComesTwiceHasItsLastValue) {
    const TorchObjectWriter::Entries twice{
        {"state", "}"}, {"groups", "]"}, {"k", pickle::integer(1)}, {"l", "N"}, {"k", pickle::integer(2)}};
    const PlainValue extras = read_sparsifier_state(file(dict(twice))).extras;
    EXPECT_EQ(extras.keys, (std::vector<std::string>{"k", "l"}));
    EXPECT_EQ(extras.find("k")->integer, 2);
}

TEST_F(HostileState, DataOfOneStorageAreRefusedOnceTheyAreMany) {
    const Sparsifier& rule = sparsifier("data_norm");
    const std::string values = *pickle::tensor(DType::F32, {1024, 1024}, {0, 0}, "0", 8, 0);
    const auto problem_with = [&](int count) {
        TorchObjectWriter::Entries states, groups, container;
        for (int i = 0; i < count; ++i) {
            states.emplace_back(name(i), dict({{"mask", i > 0 ? again : values + keep}}));
            groups.emplace_back(name(i), "}");
            container.emplace_back(name(i), again);
        }
        return problem_of([&] {
            read_torch_state(
                file(dict({{"state", dict(states)}, {"data_groups", dict(groups)}, {"_container", dict(container)}})),
                rule);
        });
    };
    EXPECT_EQ(problem_with(2), "");
    EXPECT_THAT(problem_with(200), HasSubstr("repeat their storages"));
}

TEST_F(HostileState, ActivationsAreNoMoreThanTheFileHolds) {
    const auto problem_with = [&](int64_t sums) {
        const std::string vector = *pickle::tensor(DType::F32, {sums}, {0}, "0", 8, 0);
        return problem_of([&] { read_activations(file(dict({{"w", vector}}))); });
    };
    EXPECT_EQ(problem_with(4), "");
    EXPECT_THAT(problem_with(1 << 20), HasSubstr("repeats what lies in the file"));
}

}  // namespace
}  // namespace lacuna
