// Upstream's TestBaseDataSparsifier: the same checks over tensors, parameters (here: transposed, in double precision)
// and embeddings (in bfloat16).

#include "engine/formats/formats.h"
#include "tests/data/data_sets.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::FirstRow;
using testing_support::floats;
using testing_support::masked;
using testing_support::OwnedData;
using testing_support::problem_of;
using testing_support::ScratchFolder;

const FirstRow first_row;

Options test_option(double value) {
    Options options;
    options.set("test", value);
    return options;
}

std::vector<OwnedData> make_data(const std::string& kind) {
    std::vector<OwnedData> data;
    const bool parameters = kind == "parameters";
    const DType dtype = parameters ? DType::F64 : kind == "embeddings" ? DType::BF16 : DType::F32;
    data.emplace_back(kind + "1", dtype, Shape{3, 3}, parameters, 1u);
    data.emplace_back(kind + "2", dtype, Shape{4, 4}, parameters, 2u);
    data.emplace_back(kind + "3", dtype, Shape{6, 5}, parameters, 3u);
    data.emplace_back(kind + "4", dtype, Shape{1, 1}, parameters, 4u);
    return data;
}

DataPruning with_all(const std::vector<OwnedData>& data) {
    DataPruning pruning(first_row);
    for (const auto& one : data) pruning.add_data(one.name, one.ref);
    return pruning;
}

void check_groups(const std::string& kind) {
    auto data = make_data(kind);
    DataPruning pruning(first_row, test_option(5));
    pruning.add_data(data[0].name, data[0].ref);
    pruning.add_data(data[1].name, data[1].ref, {.options = test_option(7), .reuse_mask = true, .mask = nullptr});
    EXPECT_EQ(pruning.size(), 2u);
    EXPECT_EQ(pruning.options(data[0].name).number("test"), 5);
    EXPECT_EQ(pruning.options(data[1].name).number("test"), 7);
    EXPECT_EQ(pruning.get_mask(data[0].name), Mask::ones({3, 3}));
    EXPECT_EQ(pruning.get_data(data[0].name).data, data[0].ref.data) << "held by reference";
    EXPECT_THAT(problem_of([&] { pruning.get_mask("nothing"); }), HasSubstr("nothing: there is no data of that name"));
    EXPECT_THAT(problem_of([&] { pruning.get_data("nothing"); }), HasSubstr("there is no data of that name"));
}

void check_squash(const std::string& kind) {
    auto data = make_data(kind);
    DataPruning pruning = with_all(data);
    pruning.step();
    std::vector<std::vector<float>> expected;
    for (const auto& one : data) expected.push_back(masked(one.values(), pruning.get_mask(one.name)));
    pruning.squash_mask({{data[0].name}});
    EXPECT_TRUE(pruning.squashed(data[0].name));
    EXPECT_FALSE(pruning.squashed(data[1].name));
    EXPECT_EQ(data[0].values(), expected[0]) << "the caller's tensor";
    EXPECT_NE(data[1].values(), expected[1]);
    EXPECT_THAT(problem_of([&] { pruning.get_data(data[0].name); }), HasSubstr("is squashed"));
    EXPECT_EQ(floats(pruning.get_masked(data[0].name), data[0].ref.dtype), expected[0]);
    EXPECT_THAT(problem_of([&] {
                    pruning.squash_mask({{data[1].name, data[0].name}});
                }),
                HasSubstr("squashed already"));
    EXPECT_FALSE(pruning.squashed(data[1].name)) << "refused before anything was written";
    pruning.squash_mask();
    for (size_t i = 0; i < data.size(); ++i) EXPECT_EQ(data[i].values(), expected[i]);
    EXPECT_THAT(problem_of([&] { pruning.squash_mask(); }), HasSubstr("everything is squashed already"));
}

void check_replace(const std::string& kind) {
    auto data = make_data(kind), others = make_data(kind);
    std::vector<DataNotice> notices;
    DataPruning pruning(first_row, {}, Ties::lowest, [&](const DataNotice& notice) { notices.push_back(notice); });
    const std::string name = data[0].name;
    pruning.add_data(name, data[0].ref, {.options = test_option(8), .reuse_mask = true, .mask = nullptr});
    pruning.step();
    const Mask stepped = pruning.get_mask(name);
    EXPECT_TRUE(notices.empty());

    pruning.add_data(name, others[0].ref);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].kind, DataNotice::Kind::replaced);
    EXPECT_EQ(pruning.get_mask(name), stepped) << "reuse_mask keeps the mask";
    EXPECT_EQ(pruning.options(name).number("test"), 8) << "and the options stay";
    EXPECT_EQ(pruning.get_data(name).data, others[0].ref.data);

    EXPECT_THAT(problem_of([&] { pruning.add_data(name, data[1].ref); }), HasSubstr("its mask has shape [3, 3]"));
    EXPECT_EQ(pruning.get_data(name).data, others[0].ref.data);
    pruning.add_data(name, data[1].ref, {.options = test_option(9), .reuse_mask = false, .mask = nullptr});
    EXPECT_EQ(pruning.get_mask(name), Mask::ones({4, 4}));
    EXPECT_EQ(pruning.options(name).number("test"), 9);
    EXPECT_EQ(pruning.size(), 1u);
}

void check_step(const std::string& kind) {
    auto data = make_data(kind);
    DataPruning pruning = with_all(data);
    std::vector<std::vector<std::byte>> before;
    for (const auto& one : data) before.push_back(one.bytes);
    for (int i = 0; i < 3; ++i) pruning.step();
    EXPECT_EQ(pruning.steps_taken(), 3);
    for (size_t i = 0; i < data.size(); ++i) {
        const Mask& mask = pruning.get_mask(data[i].name);
        const int64_t columns = data[i].ref.shape[1];
        EXPECT_EQ(mask.kept_in(0, columns), 0);
        EXPECT_EQ(mask.kept(), mask.size() - columns);
        EXPECT_EQ(floats(pruning.get_masked(data[i].name), data[i].ref.dtype), masked(data[i].values(), mask));
        EXPECT_EQ(data[i].bytes, before[i]) << "the original is kept";
    }
    pruning.enable_mask_update = false;
    pruning.step();
    EXPECT_EQ(pruning.steps_taken(), 3);
}

void check_state(const std::string& kind) {
    auto data = make_data(kind), others = make_data(kind);
    for (auto& one : others)
        for (int64_t i = 0; i < one.ref.view().elements(); ++i) one.set(i, 2);
    DataPruning pruning = with_all(data);
    pruning.step();
    pruning.squash_mask({{data[2].name}});
    const ScratchFolder folder;
    Progress silent;
    write_state(pruning.state(), folder / "state.safetensors", silent);
    const DataPruningState state = read_data_state(folder / "state.safetensors");

    DataPruning loaded = with_all(others);
    for (int twice = 0; twice < 2; ++twice) loaded.load_state(state);
    EXPECT_EQ(loaded.steps_taken(), 1);
    for (size_t i = 0; i < data.size(); ++i) {
        const std::string& name = data[i].name;
        EXPECT_EQ(loaded.get_mask(name), pruning.get_mask(name));
        EXPECT_EQ(loaded.options(name), pruning.options(name));
        EXPECT_EQ(loaded.squashed(name), i == 2);
        EXPECT_EQ(loaded.get_masked(name), pruning.get_masked(name));
        EXPECT_EQ(others[i].values(), data[i].values()) << "the link to the caller's tensor holds";
    }
    loaded.squash_mask({{data[0].name}});
    EXPECT_EQ(others[0].values(), masked(data[0].values(), pruning.get_mask(data[0].name)));
    EXPECT_FALSE(pruning.squashed(data[0].name)) << "the source is untouched";

    DataPruning empty(first_row);
    empty.load_state(state);
    EXPECT_EQ(empty.get_masked(data[1].name), pruning.get_masked(data[1].name)) << "values of its own";
    EXPECT_NE(empty.get_data(data[1].name).data, data[1].ref.data);
    empty.add_data(data[1].name, others[1].ref);
    EXPECT_EQ(empty.get_mask(data[1].name), pruning.get_mask(data[1].name)) << "relinked by name";
}

void check_memory_reference(const std::string& kind) {
    auto data = make_data(kind);
    DataPruning pruning = with_all(data);
    pruning.step();
    for (auto& one : data) {
        for (int64_t i = 0; i < one.ref.view().elements(); ++i) one.set(i, 4);
        EXPECT_EQ(floats(pruning.get_masked(one.name), one.ref.dtype),
                  masked(one.values(), pruning.get_mask(one.name)));
    }
}

void check_all(const std::string& kind) {
    check_groups(kind);
    check_squash(kind);
    check_replace(kind);
    check_step(kind);
    check_state(kind);
    check_memory_reference(kind);
}

TEST(TestBaseDataSparsifier, tensors) {
    check_all("tensors");
}

TEST(TestBaseDataSparsifier, nn_parameters) {
    check_all("parameters");
}

TEST(TestBaseDataSparsifier, nn_embeddings) {
    check_all("embeddings");
}

// Upstream: KeyError for all but the last; here only the empty name is refused.
TEST(DataPruning, TakesAnyName) {
    DataPruning pruning(first_row);
    std::vector<OwnedData> data;
    for (const char* name : {"a.b", "training", "Gewicht 1", "a"}) data.emplace_back(name, DType::F32, Shape{2, 2});
    for (const auto& one : data) pruning.add_data(one.name, one.ref);
    pruning.step();
    EXPECT_EQ(pruning.get_mask("a.b").pruned(), 2);
    OwnedData more("", DType::F32, {2, 2});
    EXPECT_THAT(problem_of([&] { pruning.add_data("", more.ref); }), HasSubstr("the name is empty"));
    EXPECT_EQ(pruning.size(), 4u);
}

// Upstream: the masks multiply.
TEST(DataPruning, RefusesOneTensorUnderTwoNames) {
    OwnedData data("a", DType::F32, {4, 4});
    DataPruning pruning(first_row);
    pruning.add_data("a", data.ref);
    EXPECT_THAT(problem_of([&] { pruning.add_data("b", data.ref); }), HasSubstr("b: shares memory with a"));
    DataRef lower_half = data.ref;
    lower_half.data += 32;
    lower_half.shape = {2, 4};
    EXPECT_THAT(problem_of([&] { pruning.add_data("b", lower_half); }), HasSubstr("shares memory with a"));
    pruning.add_data("a", data.ref);
    EXPECT_EQ(pruning.size(), 1u);
}

// Upstream: both fail once something is squashed.
TEST(DataPruning, GoesOnAfterSquash) {
    OwnedData first("first", DType::F32, {2, 3}), second("second", DType::F32, {2, 3}, false, 9);
    DataPruning pruning(first_row);
    pruning.add_data("first", first.ref);
    pruning.add_data("second", second.ref);
    pruning.squash_mask({{"first"}});
    pruning.step();
    EXPECT_EQ(pruning.get_mask("second").pruned(), 3);
    EXPECT_EQ(pruning.get_mask("first").pruned(), 0) << "squashed masks stand still";
    pruning.add_data("first", first.ref);
    EXPECT_FALSE(pruning.squashed("first"));
    pruning.step();
    EXPECT_EQ(pruning.get_mask("first").pruned(), 3);
}

TEST(DataPruning, SquashWithoutApplying) {
    OwnedData data("a", DType::F32, {2, 3});
    const auto before = data.bytes;
    DataPruning pruning(first_row);
    pruning.add_data("a", data.ref);
    pruning.step();
    pruning.squash_mask({}, false);
    EXPECT_EQ(data.bytes, before);
    EXPECT_EQ(pruning.get_masked("a"), before);
    EXPECT_EQ(pruning.get_mask("a").pruned(), 3);
}

TEST(DataPruning, SquashWritesPositiveZeros) {
    OwnedData data("a", DType::F32, {2, 2});
    data.set(0, -1);
    data.set(1, std::numeric_limits<float>::quiet_NaN());
    DataPruning pruning(first_row);
    pruning.add_data("a", data.ref);
    pruning.step();
    pruning.squash_mask();
    EXPECT_EQ(std::vector<std::byte>(data.bytes.begin(), data.bytes.begin() + 8), std::vector<std::byte>(8));
}

// Upstream: a deep copy loses enable_mask_update and more, and a name in both is a KeyError when loading is not strict.
TEST(DataPruning, CopiesAndMerges) {
    OwnedData data("a", DType::F32, {2, 3}), other("b", DType::F32, {3, 2}, false, 5);
    DataPruning pruning(first_row, test_option(4));
    pruning.add_data("a", data.ref);
    pruning.step();
    pruning.enable_mask_update = false;
    DataPruning copied = pruning.copy();
    EXPECT_FALSE(copied.enable_mask_update);
    EXPECT_EQ(copied.defaults(), pruning.defaults());
    EXPECT_EQ(copied.get_mask("a"), pruning.get_mask("a"));
    copied.squash_mask();
    EXPECT_FALSE(pruning.squashed("a"));
    EXPECT_NE(data.values()[0], 0) << "the copy has values of its own";

    DataPruning merged(first_row);
    OwnedData mine("a", DType::F32, {5, 5}, false, 7);
    merged.add_data("a", mine.ref);
    pruning.add_data("b", other.ref);
    merged.load_state(pruning.state(), false);
    EXPECT_EQ(merged.size(), 2u);
    EXPECT_EQ(merged.get_data("a").data, mine.ref.data) << "what is here stays";
    EXPECT_EQ(floats(merged.get_masked("b"), DType::F32), other.values());
}

// Upstream: groups and values of the state are the live ones.
TEST(DataPruning, AStateIsASnapshot) {
    OwnedData data("a", DType::F32, {2, 3});
    const std::vector<float> before = data.values();
    DataPruning pruning(first_row, test_option(4));
    pruning.add_data("a", data.ref);
    const DataPruningState state = pruning.state();
    pruning.step();
    pruning.set_option("test", {{"a", 6.0}});
    data.set(5, 70);
    pruning.squash_mask();
    ASSERT_EQ(state.items.size(), 1u);
    EXPECT_EQ(floats(state.items[0].values, DType::F32), before);
    EXPECT_EQ(state.items[0].mask->pruned(), 0);
    EXPECT_EQ(state.items[0].options.number("test"), 4);
    EXPECT_FALSE(state.items[0].squashed);
    EXPECT_EQ(state.steps, 0);
}

TEST(DataPruning, LoadsAllOrNothing) {
    OwnedData data("a", DType::F32, {2, 3}), target("a", DType::F32, {2, 3}, false, 3);
    DataPruning pruning(first_row), loading(first_row);
    pruning.add_data("a", data.ref);
    loading.add_data("a", target.ref);
    const auto before = target.bytes;
    const DataPruningState good = pruning.state();
    const auto refused = [&](auto&& spoil) {
        DataPruningState bad = good;
        bad.items.push_back(bad.items[0]);
        bad.items[1].name = "b";
        spoil(bad);
        const std::string problem = problem_of([&] { loading.load_state(bad); });
        EXPECT_EQ(loading.size(), 1u);
        EXPECT_EQ(target.bytes, before);
        return problem;
    };
    EXPECT_THAT(refused([](auto& bad) { bad.sparsifier = "data_norm"; }), HasSubstr("is of sparsifier data_norm"));
    EXPECT_THAT(refused([](auto& bad) { bad.items[1].mask = nullptr; }), HasSubstr("no mask"));
    EXPECT_THAT(refused([](auto& bad) {
                    bad.items[1].mask = std::make_shared<const Mask>(Mask::ones({3, 2}));
                }),
                HasSubstr("its mask has shape [3, 2], the data [2, 3]"));
    EXPECT_THAT(refused([](auto& bad) { bad.items[1].values.pop_back(); }), HasSubstr("another length"));
    EXPECT_THAT(refused([](auto& bad) { bad.items[1].options.set("tset", 1.0); }),
                HasSubstr("tset: sparsifier first_row has no such option"));
    EXPECT_THAT(refused([](auto& bad) { bad.items[1].options.set("test", true); }), HasSubstr("is not a number"));
    EXPECT_THAT(refused([](auto& bad) { bad.items[1].options.set("test", 99.0); }), HasSubstr("is 99"));
    EXPECT_THAT(refused([](auto& bad) { bad.items[1].name = "a"; }), HasSubstr("a: comes twice"));
}

TEST(DataPruning, RefusesFilesThatHoldNoState) {
    const ScratchFolder folder;
    Progress silent;
    write_masks({{"a", std::make_shared<const Mask>(Mask::ones({2}))}}, folder / "masks.safetensors", silent);
    EXPECT_THAT(problem_of([&] { read_data_state(folder / "masks.safetensors"); }), HasSubstr("holds no data pruning"));
    EXPECT_THAT(problem_of([&] { read_data_state(folder / "none"); }), HasSubstr("none"));
}

TEST(DataPruning, WordsItsGroups) {
    OwnedData data("a", DType::F32, {2, 3});
    DataPruning pruning(first_row);
    pruning.add_data("a", data.ref);
    EXPECT_EQ(pruning.to_string(), "first_row of 1 tensors\n  a [2, 3]\n    test: 3\n");
}

}  // namespace
}  // namespace lacuna
