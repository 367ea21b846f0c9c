#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <map>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/formats/staged_export.h"
#include "tests/support/few_descriptors.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace testing_support;

/// Prunes every third weight.
MaskPtr every_third(const Shape& shape) {
    Mask mask = Mask::ones(shape);
    for (int64_t i = 0; i < mask.size(); i += 3) mask.set(i, false);
    return std::make_shared<const Mask>(std::move(mask));
}

class ExportTest : public testing::Test {
  protected:
    void SetUp() override {
        source = open_checkpoint(write_safetensors(
            folder / "in.safetensors",
            {random_weights("b.weight", {6, 7}, 1), tensor_of<uint8_t>("odd", DType::U8, {3}, {1, 2, 3}),
             random_weights("a.weight", {5, 3}, 2), tensor_of<float>("empty", DType::F32, {0, 4}, {})},
            {{"note", "kept \u00e9"}}));
    }
    MaskSet masks() const { return {{"b.weight", every_third({6, 7})}}; }
    ExportProof write(const std::string& out, Format format = Format::safetensors) {
        Progress progress;
        return export_checkpoint(*source, masks(), folder / out, format, progress);
    }
    std::string problem(const std::function<void()>& action) {
        const size_t before = files();
        try {
            action();
        } catch (const Error& error) {
            EXPECT_EQ(files(), before) << "something was left behind";
            return error.what();
        }
        return "";
    }
    size_t files() const {
        return size_t(
            std::distance(fs::recursive_directory_iterator(folder.path()), fs::recursive_directory_iterator()));
    }

    ScratchFolder folder;
    CheckpointPtr source;
};

TEST_F(ExportTest, OnlyPrunedWeightsDifferFromTheSource) {
    const ExportProof proof = write("out.safetensors");
    EXPECT_EQ(proof.zeros, 14);
    EXPECT_EQ(proof.tensors_pruned, 1u);
    EXPECT_EQ(proof.tensors_untouched, 3u);
    EXPECT_EQ(proof.bytes, source->file_bytes());
    EXPECT_THAT(proof.files, testing::ElementsAre(folder / "out.safetensors"));

    const std::string before = ScratchFolder::read(source->path()),
                      after = ScratchFolder::read(folder / "out.safetensors");
    const size_t start = before.size() - 5 * 3 * 4 - 3 - 6 * 7 * 4;
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 0; i < before.size(); ++i) {
        const bool in_tensor = i >= start && i < start + 6 * 7 * 4;
        const bool pruned = in_tensor && (i - start) / 4 % 3 == 0;
        ASSERT_EQ(after[i], pruned ? '\0' : before[i]) << "byte " << i;
    }
}

TEST_F(ExportTest, OverwritesAnEarlierExport) {
    folder.write("out.safetensors", "old");
    write("out.safetensors");
    EXPECT_EQ(open_checkpoint(folder / "out.safetensors")->tensors().size(), 4u);
    EXPECT_EQ(files(), 2u);
}

TEST_F(ExportTest, TheSourceIsNeverWritten) {
    fs::create_symlink("in.safetensors", folder / "link");
    fs::create_hard_link(folder / "in.safetensors", folder / "hard");
    const std::string before = ScratchFolder::read(source->path());
    for (const char* name : {"in.safetensors", "link", "hard"})
        EXPECT_THAT(problem([&] { write(name); }), HasSubstr("is being exported")) << name;
    EXPECT_EQ(ScratchFolder::read(source->path()), before);
}

TEST_F(ExportTest, WhatCannotBeWrittenIsAnError) {
    fs::create_directory(folder / "dir");
    EXPECT_THAT(problem([&] { write("dir"); }), HasSubstr("is a folder"));
    EXPECT_THAT(problem([&] { write("missing/out"); }),
                HasSubstr("/missing: files cannot be written into this folder"));
    EXPECT_THAT(problem([&] { write("out", Format::torch_legacy); }), HasSubstr("torch-legacy"));
    EXPECT_THAT(problem([&] { write("out", Format::torchscript); }), HasSubstr("carries the code"));
    EXPECT_THAT(problem([&] { write("out", Format::safetensors_sharded); }), HasSubstr("write safetensors"));
}

TEST_F(ExportTest, MasksMustFit) {
    Progress progress;
    const auto with = [&](const std::string& name, const Shape& shape) {
        return problem([&] {
            export_checkpoint(*source, {{name, every_third(shape)}}, folder / "out", Format::safetensors, progress);
        });
    };
    EXPECT_THAT(with("nothing", {1}), HasSubstr("no such tensor"));
    EXPECT_THAT(with("b.weight", {7, 6}), HasSubstr("its mask is of shape [7, 6], the tensor of [6, 7]"));
    EXPECT_THAT(with("odd", {3}), HasSubstr("is U8, not floating"));
}

TEST_F(ExportTest, AFullDiskIsAnError) {
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{300, before.rlim_max};  // less than the file has
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string what = problem([&] { write("out"); });
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_THAT(what, HasSubstr("cannot be written"));
}

TEST_F(ExportTest, CancellingLeavesNothing) {
    CancelToken token;
    for (const char* stage : {"Writing", "Proving"}) {
        CancelToken fresh;
        Progress progress(
            [&](const ProgressState& state) {
                if (state.stage == stage) fresh.cancel();
            },
            fresh);
        EXPECT_THROW(export_checkpoint(*source, masks(), folder / "out", Format::safetensors, progress), Cancelled);
        EXPECT_EQ(files(), 1u);
    }
}

TEST_F(ExportTest, ASourceThatChangesMeanwhileIsNoticed) {
    Progress progress([&](const ProgressState& state) {
        if (state.stage == "Proving") fs::last_write_time(source->path(), fs::file_time_type::clock::now());
    });
    EXPECT_THAT(problem([&] { export_checkpoint(*source, masks(), folder / "out", Format::safetensors, progress); }),
                HasSubstr("was changed or replaced since"));
}

TEST_F(ExportTest, MasksGoToAFileAndBack) {
    Progress progress;
    MaskSet set = masks();
    set["a.weight"] = every_third({5, 3});
    set["scalar"] = std::make_shared<const Mask>(Mask::ones({}));
    write_masks(set, folder / "masks.safetensors", progress);
    const auto file = open_checkpoint(folder / "masks.safetensors");
    EXPECT_EQ(file->tensors()[0].dtype, DType::U8);
    const auto no_mask =
        write_safetensors(folder / "none.safetensors", {tensor_of<uint8_t>("w", DType::U8, {2}, {1, 7})});
    EXPECT_THROW(read_masks(no_mask), Error);
    EXPECT_THROW(read_masks(write_safetensors(folder / "none.safetensors", {random_weights("w", {2, 2})})), Error);
    const MaskSet back = read_masks(folder / "masks.safetensors");
    ASSERT_EQ(back.size(), 3u);
    for (const auto& [name, mask] : set) EXPECT_EQ(*back.at(name), *mask) << name;
}

/// Small ones share a write, large ones take several, and masked and unmasked ones alternate: each byte is the source's
/// or a zero that its mask asks for.
TEST_F(ExportTest, NeighboursOfAllSizesAreWrittenTogether) {
    std::vector<TestTensor> tensors;
    MaskSet set;
    for (int i = 0; i < 200; ++i) {
        const Shape shape{i % 50 == 7 ? 700 : 1 + i % 9, i % 50 == 7 ? 800 : 1 + i % 31};
        tensors.push_back(random_weights("t" + std::to_string(i), shape, unsigned(i)));
        if (i % 3 != 1) set[tensors.back().name] = every_third(shape);
    }
    source = open_checkpoint(write_safetensors(folder / "many.safetensors", tensors));
    Progress progress;
    const ExportProof proof =
        export_checkpoint(*source, set, folder / "out.safetensors", Format::safetensors, progress);
    EXPECT_EQ(proof.tensors_pruned, set.size());
    EXPECT_EQ(proof.tensors_untouched, tensors.size() - set.size());
    const CheckpointPtr written = open_checkpoint(folder / "out.safetensors");
    for (size_t i = 0; i < tensors.size(); ++i) {
        std::string expected = tensors[i].bytes;
        const auto mask = set.find(tensors[i].name);
        for (size_t w = 0; mask != set.end() && w < expected.size() / 4; w += 3) expected.replace(w * 4, 4, 4, '\0');
        const std::string found(reinterpret_cast<const char*>(written->view(i).data), expected.size());
        ASSERT_TRUE(found == expected) << tensors[i].name;
    }
}

/// Masks that are at hand, with a note of how often each was asked for.
class CountedMasks final : public MaskSource {
  public:
    CountedMasks(const Checkpoint& checkpoint, const MaskSet& masks) : held_(checkpoint, masks) {}
    const std::vector<size_t>& masked() const override { return held_.masked(); }
    std::vector<MaskPtr> masks(std::span<const size_t> tensors) override {
        for (const size_t tensor : tensors) ++asked[tensor];
        return held_.masks(tensors);
    }
    std::map<size_t, int> asked;

  private:
    HeldMasks held_;
};

class ShardedExportTest : public ExportTest {
  protected:
    void SetUp() override {
        fs::create_directory(folder / "in");
        write_safetensors(folder / "in/m-1.safetensors", {random_weights("b.weight", {6, 7}, 1)});
        write_safetensors(folder / "in/m-2.safetensors", {random_weights("a", {2, 3}, 3)}, {{"format", "pt"}});
        source = open_checkpoint(folder.write(
            "in/m.index.json",
            R"({"metadata":{"total_size":192},"weight_map":{"a":"m-2.safetensors","b.weight":"m-1.safetensors"}})"));
    }
    ExportProof write(const std::string& out, Format format = Format::safetensors_sharded) {
        return ExportTest::write(out, format);
    }
    /// Makes `source` one of so many shards with so many tensors in each, and masks for all of them.
    MaskSet open_shards(int shards, int tensors_each) {
        std::string map;
        MaskSet set;
        for (int shard = 0; shard < shards; ++shard) {
            std::vector<TestTensor> tensors;
            const std::string file = "s-" + std::to_string(shard) + ".safetensors";
            for (int i = 0; i < tensors_each; ++i) {
                tensors.push_back(random_weights("t" + std::to_string(shard * tensors_each + i), {6, 7}, unsigned(i)));
                set[tensors.back().name] = every_third({6, 7});
                map += (map.empty() ? "\"" : ",\"") + tensors.back().name + "\":\"" + file + "\"";
            }
            write_safetensors(folder / ("in/" + file), tensors);
        }
        source = open_checkpoint(folder.write("in/s.index.json", "{\"weight_map\":{" + map + "}}"));
        return set;
    }
};

TEST_F(ShardedExportTest, ShardsKeepTheirNamesAndTheIndexItsBytes) {
    fs::create_directory(folder / "there");
    for (const std::string out : {"there", "new/", "there/other.json"}) {
        const ExportProof proof = write(out);
        EXPECT_EQ(proof.files.size(), 3u);
        EXPECT_EQ(proof.zeros, 14);
        EXPECT_EQ(proof.bytes, source->file_bytes());
        EXPECT_EQ(ScratchFolder::read(proof.files.back()), ScratchFolder::read(source->path()));
        EXPECT_EQ(ScratchFolder::read(proof.files[0]), ScratchFolder::read(folder / "in/m-2.safetensors"));
        EXPECT_EQ(open_checkpoint(proof.files.back())->tensors().size(), 2u);
    }
    EXPECT_TRUE(fs::exists(folder / "there/other.json"));
    EXPECT_EQ(files(), size_t((1 + 3) + (1 + 4) + (1 + 3)));
}

/// Each mask is made once, in whatever order the shards happen to be mapped.
TEST_F(ShardedExportTest, MasksAreAskedForOnce) {
    const MaskSet set = open_shards(4, 3);
    fs::create_directory(folder / "out");
    CountedMasks masks(*source, set);
    Progress progress;
    const fs::path out = folder / "out/s.index.json";
    write_staged(*source, masks, {.out = out, .shown = out, .format = Format::safetensors_sharded}, progress);
    ASSERT_EQ(masks.asked.size(), 12u);
    for (const auto& [tensor, times] : masks.asked) EXPECT_EQ(times, 1) << source->tensors()[tensor].name;
}

TEST_F(ShardedExportTest, ThereMayBeMoreShardsThanOpenFiles) {
    const FewDescriptors few(12);
    const MaskSet set = open_shards(40, 1);
    Progress progress;
    EXPECT_EQ(export_checkpoint(*source, set, folder / "new/", Format::safetensors_sharded, progress).files.size(),
              41u);
}

TEST_F(ShardedExportTest, ASourceThatWasReplacedIsSaid) {
    write_safetensors(folder / "other", {random_weights("a", {2, 3}, 4)}, {{"format", "pt"}});
    fs::rename(folder / "other", folder / "in/m-2.safetensors");
    EXPECT_THAT(problem([&] { write("new/"); }), HasSubstr("m-2.safetensors: was changed or replaced since"));
}

TEST_F(ShardedExportTest, OneFileThatEndsInSafetensorsHoldsAllOfThem) {
    write("one.safetensors");
    const auto file = open_checkpoint(folder / "one.safetensors");
    EXPECT_EQ(file->format(), Format::safetensors);
    EXPECT_EQ(file->tensors()[0].name, "a");
    EXPECT_EQ(file->metadata(), source->metadata());
}

TEST_F(ShardedExportTest, TheSourcesFolderIsRefused) {
    EXPECT_THAT(problem([&] { write("in"); }), HasSubstr("is being exported"));
    EXPECT_THAT(problem([&] { write("in/new.json"); }), HasSubstr("is being read"));
    EXPECT_THAT(problem([&] { write("out.bin"); }), HasSubstr("no name for a checkpoint in shards"));
    EXPECT_THAT(problem([&] { write("no/such/"); }), HasSubstr("check that it exists"));
}

}  // namespace
}  // namespace lacuna
