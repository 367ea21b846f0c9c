#include "tests/formats/fixtures.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/formats/zip_archive.h"
#include "engine/model/model.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

class FixtureTest : public testing::TestWithParam<Fixture> {
  protected:
    CheckpointPtr source = open_checkpoint(fixture_path(GetParam().name));
    ScratchFolder folder;

    /// Every third weight of what can be pruned by default.
    MaskSet masks() const {
        MaskSet set;
        for (const TensorInfo& tensor : source->tensors()) {
            if (!prunable_by_default(tensor)) continue;
            Mask mask = Mask::ones(tensor.shape);
            for (int64_t i = 0; i < mask.size(); i += 3) mask.set(i, false);
            set[tensor.name] = std::make_shared<const Mask>(std::move(mask));
        }
        return set;
    }
    fs::path write(const MaskSet& masks, Format format) {
        const bool sharded = format == Format::safetensors_sharded;
        const fs::path out = folder / (sharded ? "out.index.json" : "out");
        Progress progress;
        const ExportProof proof = export_checkpoint(*source, masks, out, format, progress);
        int64_t zeros = 0;
        for (const auto& [name, mask] : masks) zeros += mask->pruned();
        EXPECT_EQ(proof.zeros, zeros);
        EXPECT_EQ(proof.tensors_pruned, masks.size());
        return out;
    }
};

std::vector<std::byte> contiguous(const Checkpoint& checkpoint, size_t index) {
    std::vector<std::byte> bytes(checkpoint.tensors()[index].bytes());
    copy_contiguous(checkpoint.view(index), bytes.data());
    return bytes;
}

void expect_same_tensors(const Checkpoint& written, const Checkpoint& source) {
    ASSERT_EQ(written.tensors().size(), source.tensors().size());
    for (size_t i = 0; i < source.tensors().size(); ++i) {
        EXPECT_EQ(written.tensors()[i].name, source.tensors()[i].name);
        EXPECT_EQ(written.tensors()[i].dtype, source.tensors()[i].dtype);
        EXPECT_EQ(written.tensors()[i].shape, source.tensors()[i].shape);
        EXPECT_EQ(contiguous(written, i), contiguous(source, i)) << source.tensors()[i].name;
    }
}

TEST_P(FixtureTest, TensorsAreThoseThatPyTorchSees) {
    EXPECT_EQ(format_name(source->format()), GetParam().expected["format"].get<std::string>());
    std::vector<nlohmann::json> found, expected = GetParam().expected["tensors"];
    for (const TensorInfo& tensor : source->tensors())
        found.push_back({{"name", tensor.name},
                         {"dtype", dtype_name(tensor.dtype)},
                         {"shape", tensor.shape},
                         {"strides", tensor.strides},
                         {"role", tensor.role == TensorRole::parameter ? "parameter"
                                  : tensor.role == TensorRole::buffer  ? "buffer"
                                                                       : "unknown"}});
    if (source->format() == Format::torchscript) {  // PyTorch lists all parameters first
        std::sort(found.begin(), found.end());
        std::sort(expected.begin(), expected.end());
    }
    EXPECT_EQ(nlohmann::json(found).dump(1), nlohmann::json(expected).dump(1));
}

TEST_P(FixtureTest, AnExportWithoutMasksChangesNothing) {
    const fs::path out = write({}, writable_format(*source));
    if (writable_format(*source) == source->format()) {
        EXPECT_EQ(ScratchFolder::read(out), ScratchFolder::read(source->path()));
    }
    expect_same_tensors(*open_checkpoint(out), *source);
}

TEST_P(FixtureTest, PrunedWeightsAreZeroAndOthersAsTheyWere) {
    const CheckpointPtr written = open_checkpoint(write(masks(), writable_format(*source)));
    const MaskSet set = masks();
    // A mask prunes what shares its storage; here no two masked tensors disagree except through sharing.
    for (size_t i = 0; i < source->tensors().size(); ++i) {
        const TensorInfo& tensor = source->tensors()[i];
        const auto at = set.find(tensor.name);
        const auto before = contiguous(*source, i), after = contiguous(*written, i);
        const size_t unit = before.empty() ? 1 : before.size() / size_t(tensor.elements());
        for (size_t k = 0; k < before.size() / unit && at != set.end(); ++k) {
            if ((*at->second)[int64_t(k)]) continue;
            for (size_t b = 0; b < unit; ++b) EXPECT_EQ(after[k * unit + b], std::byte(0)) << tensor.name;
        }
        const bool shared = std::any_of(source->tensors().begin(), source->tensors().end(), [&](const TensorInfo& t) {
            return t.storage == tensor.storage && set.contains(t.name) && t.name != tensor.name;
        });
        if (shared) continue;
        for (size_t k = 0; k < before.size(); ++k)
            if (at == set.end() || (*at->second)[int64_t(k / unit)]) {
                ASSERT_EQ(after[k], before[k]) << tensor.name;
            }
    }
}

TEST_P(FixtureTest, OtherFormatsHoldTheSameTensors) {
    for (const Format format : {Format::safetensors, Format::torch_zip}) {
        try {
            const CheckpointPtr written = open_checkpoint(write({}, format));
            EXPECT_EQ(written->format(),
                      format == Format::torch_zip && source->format() == Format::torch_zip ? source->format() : format);
            expect_same_tensors(*written, *source);
        } catch (const Error& error) {  // only dtypes that the format has not
            EXPECT_EQ(error.kind(), ErrorKind::argument) << error.what();
            EXPECT_THAT(error.what(), testing::HasSubstr("cannot hold"));
        }
    }
}

TEST_P(FixtureTest, RecordsOfAnArchiveKeepNameOrderAndAlignment) {
    if (source->format() != Format::torch_zip && source->format() != Format::torchscript) return;
    const std::string before = ScratchFolder::read(source->path());
    const std::string after = ScratchFolder::read(write(masks(), source->format()));
    ZipArchive old(std::as_bytes(std::span(before)), "old"), made(std::as_bytes(std::span(after)), "made");
    ASSERT_EQ(made.records().size(), old.records().size());
    for (size_t i = 0; i < old.records().size(); ++i) {
        const ZipRecord &was = old.records()[i], &is = made.records()[i];
        EXPECT_EQ(is.name, was.name);
        const std::string content(made.checked_text(is));  // the checksum is right
        if (was.method == 0) {
            EXPECT_EQ(is.data, was.data) << was.name;
        }
        if (was.name.find("/data/") == std::string::npos) {
            EXPECT_EQ(content, old.checked_text(was)) << was.name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(All, FixtureTest, testing::ValuesIn(fixtures()),
                         [](const auto& test) { return fixture_test_name(test.param.name); });

}  // namespace
}  // namespace lacuna
