// What an export makes of the masks that a checkpoint of a prepared model holds.

#include <gmock/gmock.h>

#include "engine/formats/squashed_names.h"
#include "engine/formats/staged_export.h"
#include "tests/support/problem_of.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path fixtures = std::filesystem::path(LACUNA_TEST_DATA) / "formats/fixtures";

std::vector<float> values(const Checkpoint& checkpoint, const std::string& name) {
    const TensorView view = checkpoint.view(checkpoint.find(name).value());
    std::vector<float> out(size_t(view.elements()));
    read_as_float(view, 0, view.elements(), out.data());
    return out;
}

std::vector<std::string> names_of(const Checkpoint& checkpoint) {
    std::vector<std::string> names;
    for (const TensorInfo& tensor : checkpoint.tensors()) names.push_back(tensor.name);
    return names;
}

MaskPtr mask_of(Shape shape, std::vector<uint8_t> keep) {
    return std::make_shared<const Mask>(Mask::from_bytes(std::move(shape), keep));
}

class PreparedExport : public testing::Test {
  protected:
    CheckpointPtr file(const std::vector<TestTensor>& tensors) const {
        return open_checkpoint(write_safetensors(folder / "m.safetensors", tensors));
    }
    CheckpointPtr prepared() const {
        return file({tensor_of<float>("a.weight_orig", DType::F32, {2, 2}, {1, 2, 3, 4}),
                     tensor_of<float>("a.weight_mask", DType::F32, {2, 2}, {1, 0, 1, 1}),
                     tensor_of<float>("b.parametrizations.weight.original", DType::F32, {2, 2}, {5, 6, 7, 8}),
                     tensor_of<uint8_t>("b.parametrizations.weight.0.mask", DType::BOOL, {2, 2}, {1, 1, 0, 1}),
                     tensor_of<uint16_t>("b.parametrizations.weight.1.mask", DType::BF16, {2, 2},
                                         {0x3f80, 0x3f80, 0x3f80, 0x3f80}),
                     random_weights("c.weight", {2, 2}, 3), random_weights("c.bias", {2}, 4)});
    }
    CheckpointPtr written(const Checkpoint& source, const MaskSet& masks, Format format) const {
        Progress progress;
        export_checkpoint(source, masks, folder / "out", format, progress);
        return open_checkpoint(folder / "out");
    }
    CheckpointPtr squashed(const CheckpointPtr& source, const MaskSet& masks, std::optional<Format> format = {}) const {
        const SquashedNames names(source);
        HeldMasks held(*source, masks);
        SquashedMasks all(names, held);
        Progress progress;
        write_staged(names, all, {folder / "out", "out", format.value_or(names.format())}, progress);
        return open_checkpoint(folder / "out");
    }

    ScratchFolder folder;
};

TEST_F(PreparedExport, TheFilesMasksBecomeTheNewOnesInTheirOwnTypes) {
    const auto source = prepared();
    const MaskSet masks{{"a.weight_orig", mask_of({2, 2}, {0, 1, 0, 1})},
                        {"b.parametrizations.weight.original", mask_of({2, 2}, {1, 0, 0, 1})}};
    for (const Format format : {Format::safetensors, Format::torch_zip}) {
        const auto out = written(*source, masks, format);
        EXPECT_EQ(names_of(*out), names_of(*source));
        for (size_t i = 0; i < out->tensors().size(); ++i)
            EXPECT_EQ(out->tensors()[i].dtype, source->tensors()[i].dtype);
        EXPECT_THAT(values(*out, "a.weight_orig"), ElementsAre(0, 2, 0, 4)) << "a revived weight is the file's own";
        EXPECT_THAT(values(*out, "a.weight_mask"), ElementsAre(0, 1, 0, 1));
        EXPECT_THAT(values(*out, "b.parametrizations.weight.original"), ElementsAre(5, 0, 0, 8));
        EXPECT_THAT(values(*out, "b.parametrizations.weight.0.mask"), ElementsAre(1, 0, 0, 1));
        EXPECT_THAT(values(*out, "b.parametrizations.weight.1.mask"), ElementsAre(1, 0, 0, 1));
        EXPECT_EQ(values(*out, "c.weight"), values(*source, "c.weight"));
    }
}

TEST_F(PreparedExport, WhatIsNotPrunedStaysByteForByte) {
    const auto source = prepared();
    const auto out = written(*source, {{"c.weight", mask_of({2, 2}, {0, 1, 1, 1})}}, Format::safetensors);
    for (const char* name : {"a.weight_orig", "a.weight_mask", "b.parametrizations.weight.0.mask"})
        EXPECT_EQ(values(*out, name), values(*source, name)) << name;
}

TEST_F(PreparedExport, RowsAreKeptThatKeepAnything) {
    const auto source =
        file({tensor_of<float>("parametrizations.weight.original", DType::F32, {3, 2}, {1, 2, 3, 4, 5, 6}),
              tensor_of<uint8_t>("parametrizations.weight.0.mask", DType::BOOL, {3}, {1, 1, 1})});
    const MaskSet masks{{"parametrizations.weight.original", mask_of({3, 2}, {0, 0, 0, 1, 1, 1})}};
    for (const Format format : {Format::safetensors, Format::torch_zip}) {
        const auto out = written(*source, masks, format);
        EXPECT_THAT(values(*out, "parametrizations.weight.original"), ElementsAre(0, 0, 0, 4, 5, 6));
        EXPECT_THAT(values(*out, "parametrizations.weight.0.mask"), ElementsAre(0, 1, 1));
    }
}

TEST_F(PreparedExport, AMaskForAMaskIsRefused) {
    const auto source = prepared();
    EXPECT_THAT(problem_of([&] {
                    written(*source, {{"a.weight_mask", mask_of({2, 2}, {0, 1, 1, 1})}}, Format::safetensors);
                }),
                HasSubstr("a.weight_mask: cannot be pruned: it is the mask of a.weight_orig"));
}

TEST_F(PreparedExport, AMaskFarFromItsTensorIsTheSame) {
    // More weights lie between them than masks are asked for at a time.
    std::vector<TestTensor> tensors{random_weights("a.weight_orig", {64, 64}, 1)};
    const std::vector<uint16_t> filler(size_t(3) << 20, 0x3c00);
    MaskSet masks{{"a.weight_orig", std::make_shared<const Mask>(Mask::zeros({64, 64}))}};
    for (int i = 0; i < 7; ++i) {
        const std::string name = "filler." + std::to_string(i);
        tensors.push_back(tensor_of<uint16_t>(name, DType::F16, {3, 1 << 20}, filler));
        masks.emplace(name, std::make_shared<const Mask>(Mask::ones({3, 1 << 20})));
    }
    tensors.push_back(tensor_of<uint8_t>("a.weight_mask", DType::U8, {64, 64}, std::vector<uint8_t>(64 * 64, 1)));
    const auto out = written(*file(tensors), masks, Format::safetensors);
    EXPECT_THAT(values(*out, "a.weight_mask"), testing::Each(0));
    EXPECT_THAT(values(*out, "a.weight_orig"), testing::Each(0));
}

TEST_F(PreparedExport, SquashedNamesAreThoseOfThePlainModel) {
    const auto source = prepared();
    const MaskSet masks{{"a.weight_orig", mask_of({2, 2}, {0, 1, 1, 1})}};
    for (const Format format : {Format::safetensors, Format::torch_zip}) {
        const auto out = squashed(source, masks, format);
        EXPECT_THAT(names_of(*out), ElementsAre("a.weight", "b.weight", "c.weight", "c.bias"));
        EXPECT_EQ(out->storages().size(), 4u) << "nothing of the masks is left behind";
        EXPECT_THAT(values(*out, "a.weight"), ElementsAre(0, 2, 3, 4));
        EXPECT_THAT(values(*out, "b.weight"), ElementsAre(5, 6, 0, 8)) << "by the file's own mask";
        EXPECT_EQ(values(*out, "c.weight"), values(*source, "c.weight"));
    }
}

TEST_F(PreparedExport, OtherParametrizationsKeepTheirNames) {
    const auto source =
        file({random_weights("a.parametrizations.weight.original", {2, 2}, 1),
              random_weights("a.parametrizations.weight.0._u", {2}, 2), random_weights("b.weight_orig", {2, 2}, 3),
              random_weights("b.weight_u", {2}, 4), random_weights("c.parametrizations.weight.original", {2, 2}, 5),
              random_weights("c._bias", {2}, 6), random_weights("d._bias", {2}, 7)});
    EXPECT_THAT(names_of(*squashed(source, {})),
                ElementsAre("a.parametrizations.weight.original", "a.parametrizations.weight.0._u", "b.weight_orig",
                            "b.weight_u", "c.weight", "c.bias", "d._bias"));
}

TEST_F(PreparedExport, NamesThatMeetAndTorchScriptAreRefused) {
    const auto source =
        file({random_weights("a.parametrizations.weight.original", {2, 2}, 1), random_weights("a.weight", {2, 2}, 2)});
    EXPECT_THAT(problem_of([&] { SquashedNames names(source); }), HasSubstr("two tensors would be called a.weight"));
    const auto script = open_checkpoint(fixtures / "prepared/traced.pt");
    EXPECT_THAT(problem_of([&] { SquashedNames names(script); }), HasSubstr("is TorchScript"));
    EXPECT_FALSE(SquashedNames(open_checkpoint(fixtures / "scripted.pt")).any());
}

TEST_F(PreparedExport, PicklesKeepWhatStandsAroundTheTensors) {
    for (const char* name : {"prepared/training.pt", "prepared/training.legacy.pt"}) {
        const auto source = open_checkpoint(fixtures / name);
        ASSERT_TRUE(source->find("model.0.weight_mask").has_value());
        const auto out = squashed(source, {});
        EXPECT_THAT(names_of(*out), ElementsAre("model.0.bias", "model.0.weight", "model.2.weight", "model.2.bias",
                                                "optimizer.state.0.momentum_buffer"));
        const TensorView weight = source->view(source->find("model.0.weight_orig").value());
        const Mask mask = Mask::from_tensor(source->view(source->find("model.0.weight_mask").value()));
        EXPECT_GT(mask.pruned(), 0);
        EXPECT_EQ(Mask::from_tensor(out->view(1)), Mask::from_tensor(weight) & mask);
        EXPECT_EQ(out->format(), Format::torch_zip);
    }
}

TEST_F(PreparedExport, APickledModuleKeepsItsNames) {
    const auto module = open_checkpoint(fixtures / "prepared/module.pt");
    EXPECT_THAT(problem_of([&] { squashed(module, {}); }), HasSubstr("it holds a pickled module of class Sequential"));
    EXPECT_TRUE(squashed(module, {}, Format::safetensors)->find("0.weight").has_value());
}

TEST_F(PreparedExport, ATracedModelsMaskIsWrittenToo) {
    const auto source = open_checkpoint(fixtures / "prepared/traced.pt");
    const std::string name = "0.parametrizations.weight.original", saved = "0.parametrizations.weight.0.mask";
    const Shape shape = source->tensors()[source->find(name).value()].shape;
    const auto out = written(*source, {{name, std::make_shared<const Mask>(Mask::zeros(shape))}}, Format::torchscript);
    EXPECT_THAT(values(*out, saved), testing::Each(0));
    EXPECT_THAT(values(*out, name), testing::Each(0));
    EXPECT_EQ(names_of(*out), names_of(*source));
}

}  // namespace
}  // namespace lacuna
