#include "ui/shell/file_kind.h"

#include <gtest/gtest.h>

#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna::ui {
namespace {

TEST(FileKind, IsToldByContentAndNotByName) {
    using namespace testing_support;
    const ScratchFolder folder;
    const auto kind = [](const std::filesystem::path& path) {
        return file_kind(QString::fromStdString(path.string()));
    };
    const std::string demo = LACUNA_RESOURCES "/demo/";
    for (const char* model : {"digits_cnn.pt", "digits_cnn.safetensors"})
        EXPECT_EQ(kind(demo + model), FileKind::model) << model;
    EXPECT_EQ(kind(demo + "digits_test.safetensors"), FileKind::data);
    EXPECT_EQ(kind(LACUNA_RESOURCES "/recipes/half.yaml"), FileKind::recipe);
    EXPECT_EQ(kind(folder.write("m.index.json", "{\"metadata\": {}, \"weight_map\": {\"a\": \"b.safetensors\"}}")),
              FileKind::model);
    std::filesystem::copy_file(LACUNA_TEST_DATA "/session/fixtures/python_state.pt", folder / "a.state");
    EXPECT_EQ(kind(folder / "a.state"), FileKind::state);
    EXPECT_EQ(kind(folder / "missing"), FileKind::model) << "whose reader says what is wrong";
    EXPECT_EQ(kind(folder.write("empty", "")), FileKind::model);
}

TEST(FileKind, AFolderStandsForTheModelInIt) {
    const testing_support::ScratchFolder folder;
    const QString path = QString::fromStdString(folder.path().string());
    EXPECT_EQ(in_folder(path), path) << "there is none: the reader will say so";
    folder.write("model-00001-of-00002.safetensors", "");
    EXPECT_EQ(in_folder(path), path + "/model-00001-of-00002.safetensors");
    folder.write("model-00002-of-00002.safetensors", "");
    EXPECT_EQ(in_folder(path), path) << "which of them?";
    folder.write("model.safetensors.index.json", "{}");
    EXPECT_EQ(in_folder(path), path + "/model.safetensors.index.json");
    EXPECT_EQ(in_folder(path + "/model.safetensors.index.json"), path + "/model.safetensors.index.json");
}

}  // namespace
}  // namespace lacuna::ui
