#include <gmock/gmock.h>

#include <ctime>
#include <random>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/formats/zip_writer.h"
#include "engine/model/model.h"
#include "tests/formats/fixtures.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace testing_support;

/// Opens a file and looks at everything in it; the only thing that may come out is an Error.
bool opens(const fs::path& path) {
    try {
        const CheckpointPtr file = open_checkpoint(path);
        const Model model(file);
        std::vector<std::byte> bytes;
        for (size_t i = 0; i < file->tensors().size(); ++i) {
            const uint64_t size = file->tensors()[i].bytes();
            if (size > uint64_t(1) << 20) continue;  // expanded views may be larger than the file
            bytes.resize(size);
            copy_contiguous(file->view(i), bytes.data());
        }
        return true;
    } catch (const Error&) {
        return false;
    }
}

TEST(TorchZip, FrozenWeightsAreNoted) {
    const CheckpointPtr frozen = open_checkpoint(fixture_path("frozen.pt"));
    EXPECT_THAT(frozen->notes(), testing::ElementsAre(HasSubstr("6 tensors are frozen into the code as constants")));
    EXPECT_TRUE(open_checkpoint(fixture_path("scripted.pt"))->notes().empty());
}

class HostileFixtureTest : public testing::TestWithParam<Fixture> {
  protected:
    void SetUp() override {
        content = ScratchFolder::read(fixture_path(GetParam().name));
        const fs::path in_folder = fixture_path(GetParam().name).parent_path();
        if (in_folder.filename() == "sharded")  // an index needs its shards
            fs::copy(in_folder, folder.path(), fs::copy_options::overwrite_existing);
    }
    std::string content;
    ScratchFolder folder;
};

TEST_P(HostileFixtureTest, EveryTruncationIsAnError) {
    const fs::path path = folder.write("file", content);
    const std::string_view kept = content.substr(0, content.find_last_not_of(" \n") + 1);  // JSON may end in blanks
    for (size_t length = kept.size(); length-- > 0;) {
        fs::resize_file(path, length);
        ASSERT_FALSE(opens(path)) << "cut to " << length << " of " << content.size() << " bytes";
    }
}

TEST_P(HostileFixtureTest, FlippedBytesAreErrorsOrOtherValues) {
    std::mt19937 random(1);
    const fs::path path = folder.write("file", content);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (int round = 0; round < 1000; ++round) {
        std::vector<size_t> places;
        for (unsigned i = 0; i <= random() % 3; ++i) places.push_back(random() % content.size());
        for (const size_t place : places) file.seekp(long(place)).put(char(random()));
        file.flush();
        opens(path);
        for (const size_t place : places) file.seekp(long(place)).put(content[place]);
    }
}

INSTANTIATE_TEST_SUITE_P(All, HostileFixtureTest, testing::ValuesIn(fixtures()),
                         [](const auto& test) { return fixture_test_name(test.param.name); });

std::string little(uint64_t value, int width) {
    std::string bytes;
    for (int i = 0; i < width; ++i) bytes += char(value >> (8 * i) & 0xff);
    return bytes;
}
std::string times(size_t count, const std::string& text) {
    std::string all;
    for (size_t i = 0; i < count; ++i) all += text;
    return all;
}
std::string unicode(const std::string& text) {
    return "X" + little(text.size(), 4) + text;
}
std::string long1(int64_t value) {
    return std::string("\x8a\x08") + little(uint64_t(value), 8);
}
std::string integers(const std::vector<int64_t>& values) {
    std::string out = "(";
    for (const int64_t value : values) out += long1(value);
    return out + "t";
}
/// A tensor over storage 0 (four floats in the archive), with these numbers.
std::string tensor(int64_t count, int64_t offset, const std::vector<int64_t>& shape,
                   const std::vector<int64_t>& strides) {
    return "ctorch._utils\n_rebuild_tensor_v2\n((" + unicode("storage") + "ctorch\nFloatStorage\n" + unicode("0") +
           unicode("cpu") + long1(count) + "tQ" + long1(offset) + integers(shape) + integers(strides) + "\x89}tR";
}

class HostilePickleTest : public testing::Test {
  protected:
    /// An archive with this pickle and one storage of four floats.
    fs::path archive(const std::string& pickle) {
        Progress progress;
        ByteWriter writer(folder / "a.pt", folder / "a.pt", progress);
        ZipWriter zip(writer);
        zip.add("a/data.pkl", pickle);
        zip.add("a/data/0", std::string_view("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16));
        zip.finish();
        writer.close();
        return folder / "a.pt";
    }
    std::string problem(const std::string& pickle) {
        const fs::path path = archive(pickle);
        const std::clock_t began = std::clock();  // the processor's time: other work on the machine does not count
        std::string what;
        try {
            open_checkpoint(path);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::format);
            what = error.what();
        }
        EXPECT_LT(double(std::clock() - began) / CLOCKS_PER_SEC, 10);
        return what;
    }
    ScratchFolder folder;
};

TEST_F(HostilePickleTest, TheHelpersMakeAGoodTensor) {
    const auto file = open_checkpoint(archive("\x80\x02}" + unicode("w") + tensor(4, 1, {3}, {1}) + "s."));
    ASSERT_EQ(file->tensors().size(), 1u);
    float values[3];
    read_as_float(file->view(0), 0, 3, values);
    EXPECT_THAT(values, testing::ElementsAre(2, 3, 4));
}

TEST_F(HostilePickleTest, NumbersThatCannotBeAreErrors) {
    const int64_t huge = int64_t(1) << 62;
    const std::vector<std::string> tensors = {
        tensor(4, 0, {5}, {1}),
        tensor(4, 2, {3}, {1}),
        tensor(4, -1, {1}, {1}),
        tensor(4, huge, {1}, {1}),
        tensor(4, 0, {-1}, {1}),
        tensor(4, 0, {huge}, {1}),
        tensor(4, 0, {huge, 4}, {1, 1}),
        tensor(4, 0, {2}, {huge}),
        tensor(4, 0, {2, 2}, {huge, huge}),
        tensor(4, 0, {2}, {-1}),
        tensor(4, 0, {2}, {1, 1}),
        tensor(5, 0, {1}, {1}),
        tensor(4, 0, {3, 3}, {2, 1}),
        tensor(4, 0, {1 << 20, 1 << 20}, {0, 0}),
        tensor(4, 0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)),
    };
    for (size_t i = 0; i < tensors.size(); ++i)
        EXPECT_NE(problem("\x80\x02}" + unicode("w") + tensors[i] + "s."), "") << i;
    // counts that no storage can have make the tensor one that is not understood
    for (const int64_t count : {int64_t(-4), huge, INT64_MIN})
        EXPECT_EQ(problem("\x80\x02}" + unicode("w") + tensor(count, 0, {1}, {1}) + "s."), "") << count;
}

TEST_F(HostilePickleTest, BrokenOpcodesAreErrors) {
    const std::vector<std::pair<std::string, std::string>> table = {
        {"", "cut off"},
        {"N", "cut off"},
        {".", "stack is empty"},
        {"0.", "stack is empty"},
        {"a.", "stack is empty"},
        {"Na.", "stack is empty"},
        {"NNa.", "cannot hold"},
        {"}(Nu.", "has no value"},
        {"e.", "mark is missing"},
        {"t.", "mark is missing"},
        {"(Nd.", "has no value"},
        {"h\5.", "has not made"},
        {"g99\n.", "has not made"},
        {"gx\n.", "number is broken"},
        {"\xff.", "no such opcode"},
        {std::string("\x80\x09N.", 4), "protocol 9"},
        {"X\xff\xff\xff\xff"
         "a.",
         "cut off"},
        {"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
         "a.",
         "cut off"},
        {"\x8b\xff\xff\xff\xff.", "cut off"},
        {"I1x\n.", "number is broken"},
        {"F1x\n.", "number is broken"},
        {"S'a\n.", "text is broken"},
        {"S'\\x1'\n.", "text is broken"},
        {"V\\u12\n.", "text is broken"},
        {"\x97.", "outside the file"},
        {"R.", "stack is empty"},
        {"NN\x93.", "no text"},
        {"(o.", "has no class"},
        {"cos\n", "cut off"},
        {"(1", "cut off"},
        {"\x95", "cut off"},
    };
    for (const auto& [pickle, expected] : table) EXPECT_THAT(problem(pickle), HasSubstr(expected)) << pickle;
}

TEST_F(HostilePickleTest, DepthAndSizeAreBounded) {
    constexpr size_t many = 1'000'000;
    EXPECT_EQ(problem(times(many, "]") + times(many - 1, "a") + "."), "");       // lists in lists
    EXPECT_EQ(problem(")" + times(many, "\x85") + "."), "");                     // tuples in tuples
    EXPECT_EQ(problem(times(many, "}K\1") + "N" + times(many, "s") + "."), "");  // dicts in dicts
    EXPECT_THAT(problem(times(10 * many, "(") + "."), HasSubstr("too high"));
    EXPECT_THAT(problem(times(10 * many, "]")), HasSubstr("more objects"));
    EXPECT_THAT(problem("N" + times(10 * many, "\x94") + "."), HasSubstr("remembers more"));
    EXPECT_EQ(problem("N" + times(10 * many, "q\1") + "."), "");
}

TEST_F(HostilePickleTest, ThingsInsideThemselvesAreFine) {
    EXPECT_EQ(problem(std::string("]q\0h\0a.", 7)), "");
    EXPECT_EQ(problem(std::string("}q\0K\1h\0s.", 9)), "");
    EXPECT_EQ(problem(std::string("cgone\nThing\n)\x81q\0}K\1h\0sb.", 24)), "");
}

TEST_F(HostilePickleTest, ManyNamesForOneThingAreAnError) {
    // 60 lists, each holding the one before it twice: 2^60 names for one tensor
    std::string pickle = "\x80\x02" + tensor(4, 0, {4}, {1}) + "q" + std::string(1, '\0');
    for (int level = 0; level < 60; ++level)
        pickle += "](h" + std::string(1, char(level)) + "h" + std::string(1, char(level)) + "eq" +
                  std::string(1, char(level + 1));
    EXPECT_THAT(problem(pickle + "."), HasSubstr("too many names"));
    // one long key at every level, many tensors at the bottom
    std::string wide = "\x80\x02" + unicode(std::string(1 << 20, 'k')) + "q\1" + tensor(4, 0, {4}, {1}) + "q\2](" +
                       times(2000, "h\2") + "eq\3";
    for (int level = 0; level < 40; ++level) wide += "}h\1h\3sq\3";
    EXPECT_THAT(problem(wide + "."), HasSubstr("too long"));
}

TEST_F(HostilePickleTest, NothingIsExecuted) {
    const fs::path victim = folder / "made";
    const std::string command = "touch " + victim.string();
    const auto file = open_checkpoint(archive("cos\nsystem\n(" + unicode(command) + "tR."));
    EXPECT_THAT(file->notes(), testing::ElementsAre(HasSubstr("1 object of class os.system")));
    EXPECT_FALSE(fs::exists(victim));
}

TEST_F(HostilePickleTest, TwoTensorsOfOneNameAreNoted) {
    const std::string nested = "}" + unicode("b") + tensor(4, 2, {2}, {1}) + "s";
    const auto file = open_checkpoint(
        archive("\x80\x02}" + unicode("a.b") + tensor(4, 0, {2}, {1}) + "s" + unicode("a") + nested + "s."));
    ASSERT_EQ(file->tensors().size(), 1u);
    EXPECT_EQ(file->tensors()[0].offset, 0u);
    EXPECT_THAT(file->notes(), testing::ElementsAre(HasSubstr("a name that another tensor has: a.b")));
}

class HostileZipTest : public HostilePickleTest {
  protected:
    std::string problem_of(const std::vector<std::pair<std::string, std::string>>& records,
                           const std::function<void(std::string&)>& damage = {}) {
        {
            Progress progress;
            ByteWriter writer(folder / "z", folder / "z", progress);
            ZipWriter zip(writer);
            for (const auto& [name, text] : records) zip.add(name, text);
            zip.finish();
            writer.close();
        }
        std::string bytes = ScratchFolder::read(folder / "z");
        if (damage) damage(bytes);
        try {
            open_checkpoint(folder.write("z", bytes));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
};

void put(std::string& bytes, size_t at, uint64_t value, int width) {
    bytes.replace(at, size_t(width), little(value, width));
}

TEST_F(HostileZipTest, ArchivesThatAreNotWhatTheyShouldBe) {
    const std::pair<std::string, std::string> good = {"a/data.pkl", "N."};
    EXPECT_EQ(problem_of({good}), "");
    EXPECT_EQ(problem_of({{"data.pkl", "N."}}), "");
    EXPECT_THAT(problem_of({{"arr_0.npy", "x"}}), HasSubstr("without a data.pkl"));
    EXPECT_THAT(problem_of({{"a/model.json", "{}"}}), HasSubstr("before 1.4"));
    for (const auto& part : {std::pair<std::string, std::string>{"a/archive_format", "pt2"},
                             {"a/models/model.json", "{}"},
                             {"serialized_exported_program.json", "{}"}}) {
        EXPECT_THAT(problem_of({part}), HasSubstr("is a program of torch.export (.pt2), which is not read; in Python"));
    }
    EXPECT_THAT(problem_of({good, {"a/byteorder", "big"}}), HasSubstr("big-endian"));
    EXPECT_THAT(problem_of({good, good}), HasSubstr("comes twice"));
    const auto central = [](const std::string& bytes) { return bytes.find("PK\1\2"); };
    EXPECT_THAT(problem_of({good}, [&](std::string& b) { b[central(b) + 8] |= 1; }), HasSubstr("encrypted"));
    EXPECT_THAT(problem_of({good}, [&](std::string& b) { put(b, central(b) + 16, 1, 4); }), HasSubstr("damaged"));
    EXPECT_THAT(problem_of({good}, [&](std::string& b) { put(b, central(b) + 24, 3, 4); }), HasSubstr("damaged"));
    EXPECT_THAT(problem_of({good}, [&](std::string& b) { put(b, central(b) + 42, 1, 4); }), HasSubstr("damaged"));
    EXPECT_THAT(problem_of({good}, [&](std::string& b) { b.insert(0, "PK\3\4xxxx"); }), HasSubstr("damaged"));
    // a bomb: two bytes that claim to inflate to four gigabytes
    const auto bomb = [&](std::string& b) {
        const size_t at = central(b);
        put(b, at + 10, 8, 2);
        put(b, at + 24, 0xfffffff0, 4);
        put(b, 8, 8, 2);
        put(b, 22, 0xfffffff0, 4);
    };
    EXPECT_THAT(problem_of({good}, bomb), HasSubstr("damaged"));
}

TEST_F(HostileZipTest, APickleThatIsNotTorchsIsRefused) {
    const auto what = [&](const std::string& bytes) {
        try {
            open_checkpoint(folder.write("p", bytes));
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(what(std::string("\x80\x02N.", 4)), HasSubstr("not one that torch.save wrote"));
    const std::string magic("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    EXPECT_THAT(what(magic + "\x80\x02M\xe8\x03."), HasSubstr("version"));
    EXPECT_THAT(what(magic + "\x80\x02M\xe9\x03.}" + unicode("little_endian") + "\x89s."), HasSubstr("big-endian"));
    EXPECT_THAT(what(magic + "\x80\x02M\xe9\x03.}.N.](K\1e."), HasSubstr("nothing refers to"));
}

}  // namespace
}  // namespace lacuna
