#include "engine/formats/safetensors.h"

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using namespace testing_support;

std::string safetensors_bytes(const std::string& header, size_t data_bytes) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += char(header.size() >> (8 * i) & 0xff);
    return bytes + header + std::string(data_bytes, '\1');
}

class SafetensorsTest : public testing::Test {
  protected:
    CheckpointPtr open(const std::string& bytes) { return open_checkpoint(folder.write("a.safetensors", bytes)); }
    std::string problem(const std::string& header, size_t data_bytes) {
        try {
            open(safetensors_bytes(header, data_bytes));
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::format);
            return error.what();
        }
        return "";
    }
    ScratchFolder folder;
};

TEST_F(SafetensorsTest, KeepsTheHeadersOrderWhateverTheOffsets) {
    const auto file = open(
        safetensors_bytes(R"({"z":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},"__metadata__":{"k":"v\u00e9"},)"
                          R"("a":{"shape":[],"data_offsets":[0,4],"dtype":"I32","extra":[{"x":null}]}} )",
                          12));
    ASSERT_EQ(file->tensors().size(), 2u);
    EXPECT_EQ(file->tensors()[0].name, "z");
    EXPECT_EQ(file->tensors()[1].name, "a");
    EXPECT_EQ(file->tensors()[1].shape, Shape{});
    EXPECT_EQ(file->view(0).data - file->view(1).data, 4);
    EXPECT_EQ(file->metadata().at("k"), "v\xc3\xa9");
    EXPECT_EQ(file->find("a"), 1u);
    EXPECT_EQ(file->find("b"), std::nullopt);
    EXPECT_EQ(file->format(), Format::safetensors);
}

TEST_F(SafetensorsTest, TypesSmallerThanAByteAreCarried) {
    const auto file = open(safetensors_bytes(R"({"a":{"dtype":"F4","shape":[2,4],"data_offsets":[0,4]},)"
                                             R"("b":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[4,7]}})",
                                             7));
    EXPECT_EQ(file->tensors()[0].bytes(), 4u);
    EXPECT_EQ(file->tensors()[1].bytes(), 3u);
}

TEST_F(SafetensorsTest, SaysWhatIsWrongWithAHeader) {
    const std::string good = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
    const std::vector<std::tuple<std::string, size_t, std::string>> table = {
        {"{" + good + "}", 3, "a ends at byte 4 of the data, which has 3"},
        {"{" + good + "}", 5, "nothing owns the last 1 bytes"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6, "nothing owns the 2 bytes before a"},
        {"{" + good + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6, "b overlaps"},
        {"{" + good + "," + good + "}", 4, "the name a comes twice"},
        {R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})", 4, "unknown type F99"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "do not fit F32 of shape [2]"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "do not fit"},
        {R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", 1, "do not fit"},
        {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "do not fit"},
        {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4, "larger than any file"},
        {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape of a"},
        {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "shape of a"},
        {R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4, "shape of a"},
        {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "a has no shape"},
        {R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "a has no dtype"},
        {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "two data_offsets"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4, "two data_offsets"},
        {R"({"a":5})", 0, "a is not an object"},
        {R"({"a":[]})", 0, "a is not an object"},
        {R"({"__metadata__":{"a":1}})", 0, "not text"},
        {R"({"__metadata__":{"a":{}}})", 0, "not text"},
        {R"({"a":)", 0, "the JSON is damaged"},
        {"{\"\xff\":1}", 0, "the JSON is damaged"},
        {"{" + std::string(5000, '['), 0, "the JSON is damaged"},
        {R"({"a":{"x":)" + std::string(5000, '['), 0, "nested too deeply"},
        {"{} {}", 0, "the JSON is damaged"},
    };
    for (const auto& [header, data, expected] : table)
        EXPECT_THAT(problem(header, data), HasSubstr(expected)) << header;
}

TEST_F(SafetensorsTest, LengthsThatLieAreFoundOut) {
    EXPECT_THROW(open(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)), Error);
    EXPECT_THROW(open(std::string("\x40\x00\x00\x00\x00\x00\x00\x00{}", 10)), Error);
    EXPECT_THROW(open(std::string("\x02\x00\x00\x00\x00\x00\x00\x00{", 9)), Error);
}

TEST_F(SafetensorsTest, EveryTruncationIsAnError) {
    const std::string whole =
        ScratchFolder::read(write_safetensors(folder / "w", {random_weights("a", {3, 5}), random_weights("b", {4})}));
    for (size_t length = 0; length < whole.size(); ++length)
        EXPECT_THROW(open(whole.substr(0, length)), Error) << length;
    EXPECT_NO_THROW(open(whole));
}

class ShardsTest : public SafetensorsTest {
  protected:
    void SetUp() override {
        write_safetensors(folder / "m-1.safetensors", {random_weights("b", {4, 4}, 1), random_weights("spare", {2}, 2)},
                          {{"format", "pt"}});
        write_safetensors(folder / "m-2.safetensors", {random_weights("a", {2, 3}, 3)});
    }
    std::filesystem::path index(const std::string& text) { return folder.write("m.safetensors.index.json", text); }
    std::string problem(const std::string& text) {
        try {
            open_checkpoint(index(text));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
};

TEST_F(ShardsTest, TensorsComeInTheIndexsOrder) {
    const auto file = open_checkpoint(
        index(R"( {"metadata":{"total_size":88},"weight_map":{"a":"m-2.safetensors","b":"m-1.safetensors"}})"));
    ASSERT_EQ(file->tensors().size(), 2u);
    EXPECT_EQ(file->tensors()[0].name, "a");
    EXPECT_EQ(file->format(), Format::safetensors_sharded);
    EXPECT_EQ(file->files().size(), 3u);
    EXPECT_THAT(file->notes(), testing::ElementsAre(HasSubstr("1 tensors in m-1.safetensors")));
    EXPECT_EQ(file->metadata().at("format"), "pt");
}

TEST_F(ShardsTest, BadIndicesAreErrors) {
    EXPECT_THAT(problem(R"({"weight_map":{"a":"../x.safetensors"}})"), HasSubstr("not inside"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":"/etc/passwd"}})"), HasSubstr("not inside"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":""}})"), HasSubstr("not inside"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":"m-9.safetensors"}})"), HasSubstr("no such file"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":"m-1.safetensors"}})"), HasSubstr("a is not in its shard"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":"m.safetensors.index.json"}})"), HasSubstr("no safetensors file"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":3}})"), HasSubstr("not a file name"));
    EXPECT_THAT(problem(R"({"weight_map":[]})"), HasSubstr("not an object"));
    EXPECT_THAT(problem(R"({"layers":{}})"), HasSubstr("no index of shards"));
    EXPECT_THAT(problem(R"({"weight_map":{"a":"m-2.safetensors","a":"m-2.safetensors"}})"), HasSubstr("comes twice"));
}

TEST_F(SafetensorsTest, FilesOfOtherKindsAreRefusedInWords) {
    const auto what = [&](const std::string& bytes) {
        try {
            open(bytes);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(what(""), HasSubstr("is empty"));
    EXPECT_THAT(what("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("Git LFS"));
    EXPECT_THAT(what("GGUF\3\0\0\0"), HasSubstr("GGUF"));
    EXPECT_THAT(what("SQLite format 3"), HasSubstr("as Lacuna's sessions are; open it in the window"));
    EXPECT_THAT(what("\x89HDF\r\n\x1a\n"), HasSubstr("HDF5"));
    EXPECT_THAT(what("<!DOCTYPE html>"), HasSubstr("HTML"));
    EXPECT_THAT(what(std::string(257, 'a') + "ustar" + std::string(300, '\0')), HasSubstr("tar archive"));
    EXPECT_THAT(what("just text"), HasSubstr("no format that is known"));
    EXPECT_THROW(open_checkpoint(folder / "nothing"), Error);
    EXPECT_THROW(open_checkpoint(folder.path()), Error);
}

}  // namespace
}  // namespace lacuna
