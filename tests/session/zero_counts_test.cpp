// Zeros that a session counts in the background against those of the files that it exports.

#include "engine/session/zero_counts.h"

#include <gmock/gmock.h>

#include <limits>

#include "engine/session/report.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::ElementsAre;

/// Random weights, every other one zero: +0 and −0 in turn, and a NaN among the others.
TestTensor half_zero(const std::string& name, Shape shape, unsigned seed) {
    TestTensor tensor = random_weights(name, std::move(shape), seed);
    auto* values = reinterpret_cast<float*>(tensor.bytes.data());
    const size_t count = tensor.bytes.size() / sizeof(float);
    for (size_t i = 0; i < count; i += 2) values[i] = i % 4 == 0 ? 0.0F : -0.0F;
    values[1] = std::numeric_limits<float>::quiet_NaN();
    return tensor;
}

std::vector<int64_t> zeros_in(const std::filesystem::path& path) {
    const CheckpointPtr checkpoint = open_checkpoint(path);
    Progress progress;
    std::vector<int64_t> zeros;
    for (const InspectedTensor& tensor : inspect(*checkpoint, {true, {}}, progress).tensors)
        zeros.push_back(tensor.zeros_in_use());
    return zeros;
}

class SessionZeros : public testing::Test {
  protected:
    void open(const std::vector<TestTensor>& tensors) {
        model = write_safetensors(folder / "model.safetensors", tensors);
        session.open(model);
        session.wait_idle();
        ASSERT_TRUE(session.snapshot()->model);
    }
    std::vector<int64_t> zeros(int64_t TensorZeros::*which) {
        std::vector<int64_t> found;
        for (const TensorZeros& one : session.snapshot()->zeros) {
            EXPECT_FALSE(one.coming);
            found.push_back(one.*which);
        }
        return found;
    }
    std::vector<int64_t> shown() { return zeros(&TensorZeros::shown); }
    void prune(size_t tensor, double level) {
        session.set_sparsifier({tensor}, "weight_norm");
        session.set_option({tensor}, "sparse_block_shape", std::vector<int64_t>{1, 1});
        session.set_option({tensor}, "sparsity_level", level);
        session.wait_idle();
    }
    std::vector<int64_t> exported() {
        session.export_model(folder / "out.safetensors", Format::safetensors);
        session.wait_idle();
        return zeros_in(folder / "out.safetensors");
    }

    ScratchFolder folder;
    std::filesystem::path model;
    Session session{[] {}};
};

TEST_F(SessionZeros, AgreeWithTheFileAndWithWhatIsExported) {
    open({half_zero("fc1.weight", {30, 50}, 1), tensor_of<float>("fc1.bias", DType::F32, {3}, {0, -0.0F, 1}),
          random_weights("fc2.weight", {20, 33}, 2), tensor_of<int64_t>("steps", DType::I64, {2}, {0, 7})});
    EXPECT_THAT(shown(), ElementsAre(750, 2, 0, 1));
    EXPECT_EQ(shown(), zeros_in(model));
    EXPECT_EQ(session.snapshot()->all_zeros.shown, 753);
    EXPECT_FALSE(session.snapshot()->all_zeros.coming);

    prune(0, 0.7);
    prune(2, 0.5);
    EXPECT_THAT(zeros(&TensorZeros::stepped), ElementsAre(750, 2, 0, 1)) << "a preview is not stepped";
    EXPECT_GE(shown()[0], 1050);
    EXPECT_EQ(shown()[2], 330);
    const std::vector<int64_t> before = shown();
    EXPECT_EQ(exported(), before);
    EXPECT_EQ(shown(), before);
    EXPECT_EQ(zeros(&TensorZeros::stepped), before);
    EXPECT_THAT(zeros(&TensorZeros::own), ElementsAre(750, 2, 0, 1));

    session.restart();
    session.set_sparsifier({0, 2}, "");
    session.wait_idle();
    EXPECT_THAT(shown(), ElementsAre(750, 2, 0, 1));
}

TEST_F(SessionZeros, AMaskThatMissesTheFilesZerosAddsToThem) {
    open({half_zero("fc.weight", {8, 64}, 3)});
    session.set_sparsifier({0}, "nearly_diagonal");
    session.set_option({0}, "nearliness", int64_t(1));
    session.wait_idle();
    const MaskPtr mask = session.snapshot()->tensors[0]->shown;
    ASSERT_TRUE(mask);
    EXPECT_EQ(shown()[0], 512 - (*mask & Mask::from_tensor(session.snapshot()->model->checkpoint().view(0))).kept());
    EXPECT_GT(shown()[0], mask->pruned());
    const std::vector<int64_t> before = shown();
    EXPECT_EQ(exported(), before);
    session.undo();
    session.undo();
    session.undo();
    session.wait_idle();
    EXPECT_THAT(shown(), ElementsAre(256));
}

TEST_F(SessionZeros, OfAPreparedModelAreThoseThatItComputesWith) {
    open({tensor_of<float>("a.weight_orig", DType::F32, {2, 4}, {0, 2, 3, 4, 5, 6, 7, 8}),
          tensor_of<float>("a.weight_mask", DType::F32, {2, 4}, {1, 0, 0, 1, 1, 1, 0, 1}),
          random_weights("b.weight", {2, 4}, 1)});
    EXPECT_EQ(session.snapshot()->zeros[0].own, 1);
    EXPECT_EQ(session.snapshot()->zeros[0].shown, 4);
    EXPECT_FALSE(session.snapshot()->zeros[1].known) << "a mask is no parameter";
    EXPECT_EQ(session.snapshot()->all_zeros.shown, 4);
    EXPECT_THAT(zeros_in(model), ElementsAre(4, 3, 0));
}

TEST_F(SessionZeros, DetailAndPatternsAreOfWhatIsLeft) {
    TestTensor weight = half_zero("fc.weight", {16, 64}, 3);
    std::fill_n(weight.bytes.begin(), 64 * sizeof(float), '\0');
    open({weight, random_weights("fc.bias", {16}, 4)});
    session.focus(0);
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->patterns, nullptr) << "nobody looks at them";
    session.show_patterns(true);
    session.wait_idle();
    const auto patterns = [&] { return session.snapshot()->patterns->patterns.value(); };
    const auto expected = [&] {
        const MaskPtr mask = session.snapshot()->tensors[0]->shown;
        const Mask own = Mask::from_tensor(session.snapshot()->model->checkpoint().view(0));
        return patterns_of(mask ? *mask & own : own, default_tile);
    };
    EXPECT_EQ(patterns().zero_rows, 1);
    EXPECT_EQ(patterns().zero_columns, 32);
    EXPECT_EQ(patterns().n_m[1].fraction(), 1.0);
    EXPECT_EQ(session.detail()->zero_kept, shown()[0]);

    prune(0, 0.75);
    EXPECT_EQ(patterns().zeros, shown()[0]);
    EXPECT_EQ(patterns().zero_rows, expected().zero_rows);
    EXPECT_EQ(patterns().n_m[0].held, expected().n_m[0].held);
    EXPECT_EQ(session.detail()->kept - session.detail()->zero_kept, 16 * 64 - shown()[0]);
    session.focus(1);
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->patterns->tensor, 1u);
    EXPECT_FALSE(session.snapshot()->patterns->patterns) << "a bias is no matrix";
    session.focus({});
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->patterns, nullptr);
}

TEST_F(SessionZeros, FollowAnotherModel) {
    open({half_zero("a.weight", {8, 8}, 1)});
    open({random_weights("a.weight", {4, 4}, 1), half_zero("b.weight", {4, 8}, 2)});
    EXPECT_THAT(shown(), ElementsAre(0, 16));
    session.close();
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->zeros.empty());
}

/// A checkpoint in memory: tied weights, a third name for a part of them, transposed, and an expanded row.
class Shared final : public Checkpoint {
  public:
    Shared() {
        storages_ = {{reinterpret_cast<const std::byte*>(values_), sizeof values_}};
        tensors_ = {{"encoder.weight", DType::F32, {2, 3}, {3, 1}, 0, 0},
                    {"decoder.weight", DType::F32, {2, 3}, {3, 1}, 0, 0},
                    {"part.weight", DType::F32, {3, 1}, {1, 3}, 0, 12},
                    {"rows.weight", DType::F32, {3, 2}, {0, 1}, 0, 24}};
        finish();
    }

  private:
    float values_[8] = {1, 0, 3, 4, 5, 6, 7, 8};
};

void count_all(ZeroCounts& counts, const Document& document) {
    for (;;) {
        counts.follow(document);
        std::vector<ZeroWork> work = counts.next_work(document, {});
        if (work.empty()) return;
        count(work, document.model->checkpoint(), {});
        counts.take(work);
    }
}

DocumentPtr with_masks(const Document& document, const std::vector<std::pair<size_t, std::vector<uint8_t>>>& masks) {
    auto next = std::make_shared<Document>(document);
    for (const auto& [tensor, bytes] : masks) {
        auto mask = std::make_shared<const Mask>(Mask::from_bytes(document.info(tensor).shape, bytes));
        next->tensors[tensor] = with_shown(*next->tensors[tensor], std::move(mask), false);
    }
    return next;
}

std::vector<int64_t> shown_of(const ZeroCounts& counts) {
    std::vector<int64_t> shown;
    for (const TensorZeros& zeros : counts.zeros()) shown.push_back(zeros.shown);
    return shown;
}

TEST(ZeroCounts, TensorsThatShareStorageLoseWhatAnyOfTheirMasksPrunes) {
    const auto checkpoint = std::make_shared<const Shared>();
    const DocumentPtr document = new_document(std::make_shared<const Model>(checkpoint));
    ZeroCounts counts;
    counts.start_over(checkpoint.get());
    count_all(counts, *document);
    EXPECT_THAT(shown_of(counts), ElementsAre(1, 1, 0, 0));
    // The encoder's 4 is the part's first weight; one place of the expanded row is three weights.
    count_all(counts, *with_masks(*document, {{0, {0, 1, 1, 0, 1, 1}}, {3, {1, 1, 0, 1, 1, 1}}}));
    EXPECT_THAT(shown_of(counts), ElementsAre(3, 3, 1, 3));
    count_all(counts, *with_masks(*document, {{2, {1, 1, 0}}}));
    EXPECT_THAT(shown_of(counts), ElementsAre(2, 2, 1, 0));
    count_all(counts, *document);
    EXPECT_THAT(shown_of(counts), ElementsAre(1, 1, 0, 0));
}

/// Two tensors of 2^24 bytes each, all zero and no room on the disk, between two small ones.
class ManyZeros : public testing::Test {
  protected:
    ManyZeros() {
        const std::filesystem::path path = folder / "m.safetensors";
        std::string header;
        int64_t offset = 0;
        for (const auto& [name, type, shape, bytes] :
             {std::tuple("a.weight", "F8_E4M3", "[4096,4096]", 1 << 24), std::tuple("b", "I8", "[1]", 1),
              std::tuple("c.weight", "F8_E4M3", "[4096,4096]", 1 << 24), std::tuple("d", "I8", "[1]", 1)}) {
            header += std::string(header.empty() ? "{" : ",") + "\"" + name + "\":{\"dtype\":\"" + type +
                      "\",\"shape\":" + shape + ",\"data_offsets\":[" + std::to_string(offset) + "," +
                      std::to_string(offset + bytes) + "]}";
            offset += bytes;
        }
        header += "}";
        header.resize((header.size() + 7) / 8 * 8, ' ');
        std::string start(8, '\0');
        start[0] = char(header.size()), start[1] = char(header.size() >> 8);
        folder.write("m.safetensors", start + header);
        std::filesystem::resize_file(path, 8 + header.size() + size_t(offset));
        checkpoint = open_checkpoint(path);
        document = new_document(std::make_shared<const Model>(checkpoint));
        counts.start_over(checkpoint.get());
    }

    ScratchFolder folder;
    CheckpointPtr checkpoint;
    DocumentPtr document;
    ZeroCounts counts;
};

TEST_F(ManyZeros, ComeSmallTensorsFirstAndLargeOnesOneByOne) {
    std::vector<std::vector<size_t>> slices;
    for (;;) {
        std::vector<ZeroWork> work = counts.next_work(*document, {});
        if (work.empty()) break;
        slices.emplace_back();
        for (const ZeroWork& unit : work) slices.back().push_back(unit.tensors.at(0));
        count(work, *checkpoint, {});
        counts.take(work);
    }
    EXPECT_THAT(slices, ElementsAre(ElementsAre(1u, 3u), ElementsAre(0u), ElementsAre(2u)));
    EXPECT_EQ(counts.zeros()[2].shown, 1 << 24);
    ZeroCounts others;
    others.start_over(checkpoint.get());
    EXPECT_THAT(others.next_work(*document, 2).front().tensors, ElementsAre(2u)) << "what is looked at goes first";
}

TEST_F(ManyZeros, StopsWhereItIsCancelledAndKeepsBitsOnlyUnderMasks) {
    CancelToken cancelled;
    cancelled.cancel();
    std::vector<ZeroWork> work = counts.next_work(*document, {});
    count(work, *checkpoint, cancelled);
    for (const ZeroWork& unit : work) EXPECT_TRUE(unit.counted.at(0).zeros.coming) << "nothing was begun";

    work = counts.next_work(*document, 0);
    count(work, *checkpoint, {});
    EXPECT_EQ(work.front().counted[0].nonzero, nullptr);
    counts.take(work);
    auto masked = std::make_shared<Document>(*document);
    masked->tensors[0] =
        with_shown(*document->tensors[0], std::make_shared<const Mask>(Mask::zeros({4096, 4096})), false);
    work = counts.next_work(*masked, 0);
    count(work, *checkpoint, {});
    EXPECT_NE(work.front().counted[0].nonzero, nullptr);
    counts.take(work);
    work = counts.next_work(*document, 0);
    count(work, *checkpoint, {});
    EXPECT_EQ(work.front().counted[0].nonzero, nullptr);
}

}  // namespace
}  // namespace lacuna
