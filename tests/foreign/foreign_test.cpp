// Checkpoints that other people's programs wrote (scripts/fetch-foreign): they open, are pruned, written and opened
// again.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/formats/formats.h"
#include "engine/model/model.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing_support::ScratchFolder;

struct Foreign {
    std::string file;
    Format format;
    size_t tensors;
    int64_t parameters;
    std::string some_tensor;
    Shape its_shape;
};

std::ostream& operator<<(std::ostream& out, const Foreign& foreign) {
    return out << foreign.file;
}

class ForeignTest : public testing::TestWithParam<Foreign> {
  protected:
    void SetUp() override {
        const fs::path path = fs::path(LACUNA_FOREIGN) / GetParam().file;
        if (!fs::exists(path)) GTEST_SKIP() << path.filename() << " could not be fetched";
        source = open_checkpoint(path);
    }
    /// The smaller half of each weight, by magnitude.
    MaskSet masks() const {
        MaskSet set;
        for (size_t i = 0; i < source->tensors().size(); ++i) {
            const TensorInfo& tensor = source->tensors()[i];
            if (!prunable_by_default(tensor)) continue;
            std::vector<float> values(size_t(tensor.elements()));
            read_as_float(source->view(i), 0, tensor.elements(), values.data());
            std::vector<float> sizes;
            for (const float value : values) sizes.push_back(std::abs(value));
            std::nth_element(sizes.begin(), sizes.begin() + ptrdiff_t(sizes.size() / 2), sizes.end());
            const float middle = sizes[sizes.size() / 2];
            Mask mask = Mask::ones(tensor.shape);
            for (size_t k = 0; k < values.size(); ++k)
                if (std::abs(values[k]) < middle) mask.set(int64_t(k), false);
            set[tensor.name] = std::make_shared<const Mask>(std::move(mask));
        }
        return set;
    }
    CheckpointPtr source;
    ScratchFolder folder;
};

TEST_P(ForeignTest, IsWhatItShouldBe) {
    EXPECT_EQ(format_name(source->format()), format_name(GetParam().format));
    EXPECT_EQ(source->tensors().size(), GetParam().tensors);
    EXPECT_EQ(source->parameters(), GetParam().parameters);
    const auto index = source->find(GetParam().some_tensor);
    ASSERT_TRUE(index);
    EXPECT_EQ(source->tensors()[*index].shape, GetParam().its_shape);
}

TEST_P(ForeignTest, IsPrunedWrittenAndOpenedAgain) {
    const MaskSet set = masks();
    ASSERT_FALSE(set.empty());
    for (const Format format : {writable_format(*source), Format::safetensors, Format::torch_zip}) {
        Progress progress;
        const ExportProof proof = export_checkpoint(*source, set, folder / "out", format, progress);
        EXPECT_EQ(proof.tensors_pruned, set.size());
        const CheckpointPtr written = open_checkpoint(folder / "out");
        ASSERT_EQ(written->tensors().size(), source->tensors().size());
        for (size_t i = 0; i < source->tensors().size(); ++i) {
            const TensorInfo& tensor = source->tensors()[i];
            ASSERT_EQ(written->tensors()[i].name, tensor.name);
            const auto at = set.find(tensor.name);
            std::vector<std::byte> expected(tensor.bytes()), found(tensor.bytes());
            if (at == set.end())
                copy_contiguous(source->view(i), expected.data());
            else
                apply_mask(*at->second, source->view(i), expected.data());
            copy_contiguous(written->view(i), found.data());
            EXPECT_EQ(std::memcmp(found.data(), expected.data(), expected.size()), 0) << tensor.name;
        }
    }
}

TEST_P(ForeignTest, AnExportWithoutMasksIsTheSameFile) {
    if (source->format() == Format::torch_legacy) GTEST_SKIP() << "is written as a zip archive";
    Progress progress;
    export_checkpoint(*source, {}, folder / "out", source->format(), progress);
    EXPECT_EQ(ScratchFolder::read(folder / "out"), ScratchFolder::read(source->path()));
}

INSTANTIATE_TEST_SUITE_P(
    All, ForeignTest,
    testing::Values(
        Foreign{"silero_vad.jit", Format::torchscript, 30, 462594, "_model.decoder.rnn.weight_ih", {512, 128}},
        Foreign{"silero_vad_16k.safetensors", Format::safetensors, 15, 309633, "conv1.weight", {128, 129, 3}},
        Foreign{"chemnet.pt", Format::torch_legacy, 10, 1406336, "0.1.0.weight", {32, 35, 4}},
        Foreign{"mobilenetv2.pt", Format::torch_legacy, 312, 2258036, "features.17.conv.0.weight", {960, 160, 1, 1}},
        Foreign{"l2_supercat_256.safetensors", Format::safetensors, 1, 8192000, "embedding.weight", {32000, 256}},
        Foreign{"beatnet_module.pt", Format::torch_zip, 14, 402325, "lstm.weight_hh_l1", {600, 150}},
        Foreign{"beatnet_weights.pt", Format::torch_zip, 14, 402325, "lstm.weight_hh_l1", {600, 150}}),
    [](const auto& test) {
        std::string name = test.param.file;
        for (char& c : name)
            if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
        return name;
    });

}  // namespace
}  // namespace lacuna
