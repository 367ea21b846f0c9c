// Pruning a checkpoint of any size keeps to the largest tensor and a little more, brings each byte in at most twice and
// writes it once: counted by the kernel for a run of lacuna-cli, so that it holds on any machine and takes no
// stopwatch.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

constexpr int shards = 3, tensors_a_shard = 6;
constexpr int64_t rows = 2048, columns = 4096;
constexpr uint64_t tensor_bytes = rows * columns * 2;  // 16 MiB of BF16
constexpr uint64_t all_bytes = shards * tensors_a_shard * tensor_bytes;
/// What the program takes beside the largest tensor: its own, some for each of four threads, and a batch of tensors
/// whose masks are made together.
constexpr uint64_t beside_largest = uint64_t(64) << 20;
/// The kernel maps so much of a cached file at each page fault, or more.
constexpr uint64_t mapped_at_once = 64 << 10;

/// What the kernel counted for a process that has ended.
struct Counted {
    uint64_t written = 0;      ///< bytes given to write calls
    uint64_t read = 0;         ///< bytes taken from read calls: what is not mapped
    uint64_t page_faults = 0;  ///< each brings in a run of pages of a mapped file, or a page of memory
};

Counted counted(pid_t child) {
    const fs::path process = "/proc/" + std::to_string(child);
    Counted found;
    std::ifstream io(process / "io");
    for (std::string name; io >> name;) {
        uint64_t value = 0;
        io >> value;
        if (name == "wchar:") found.written = value;
        if (name == "rchar:") found.read = value;
    }
    const std::string stat = ScratchFolder::read(process / "stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 7; ++i) fields >> skipped;
    uint64_t minor = 0, major = 0;
    fields >> minor >> skipped >> major;
    found.page_faults = minor + major;
    return found;
}

/// A checkpoint in shards whose weights are holes in its files, all 0: nothing is written to make it.
class Memory : public testing::Test {
  protected:
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "sanitizers keep memory of their own";
#endif
        fs::create_directory(place.at("in"));
        fs::create_directory(place.at("out"));
        nlohmann::ordered_json map;
        for (int shard = 0; shard < shards; ++shard) {
            const std::string name = "m-" + std::to_string(shard) + ".safetensors";
            std::vector<std::string> names;
            for (int i = 0; i < tensors_a_shard; ++i) {
                names.push_back("layers." + std::to_string(shard * tensors_a_shard + i) + ".weight");
                map[names.back()] = name;
            }
            write_holes(place.at("in/" + name), names);
        }
        place.folder.write("in/m.index.json", nlohmann::ordered_json{{"weight_map", map}}.dump());
        place.folder.write("half.yaml", "version: 1\ngroups: [{layers: '*', sparsifier: weight_norm}]\nsteps: 2\n");
    }

    static void write_holes(const fs::path& path, const std::vector<std::string>& names) {
        nlohmann::ordered_json header;
        uint64_t end = 0;
        for (const std::string& name : names) {
            header[name] = {{"dtype", "BF16"}, {"shape", {rows, columns}}, {"data_offsets", {end, end + tensor_bytes}}};
            end += tensor_bytes;
        }
        std::string text = header.dump();
        text.resize((text.size() + 7) / 8 * 8, ' ');
        const uint64_t size = text.size();
        std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&size), 8) << text;
        fs::resize_file(path, 8 + size + end);
    }

    /// Runs lacuna-cli to its end and looks at what was counted before its process is gone.
    Counted run(std::vector<std::string> arguments) {
        Program program(std::move(arguments));
        const pid_t child = program.start();
        siginfo_t ended{};
        ::waitid(P_PID, id_t(child), &ended, WEXITED | WNOWAIT);
        const Counted found = counted(child);
        const Outcome outcome = program.finish(child);
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        peak_bytes = uint64_t(outcome.peak_kilobytes) << 10;
        return found;
    }

    /// What `prune` takes for all shards; `own_faults` are for the program's own memory.
    void expect_shards_within_bounds(const Counted& found, uint64_t own_faults) {
        static_assert(all_bytes > 3 * (tensor_bytes + beside_largest));
        EXPECT_LE(peak_bytes, tensor_bytes + beside_largest);
        uint64_t outputs = 0;
        for (const auto& entry : fs::directory_iterator(place.at("out"))) outputs += entry.file_size();
        EXPECT_GE(outputs, all_bytes);
        EXPECT_GE(found.written, outputs);
        EXPECT_LE(found.written, outputs + (64 << 10)) << "a journal beside it, and what it says";
        EXPECT_LE(found.read, uint64_t(1) << 20) << "weights are mapped";
        // The source twice at most, and what was written once more to prove it.
        EXPECT_LE(found.page_faults, 3 * all_bytes / mapped_at_once + own_faults);
        RecordProperty("peak_megabytes", int(peak_bytes >> 20));
        RecordProperty("page_faults", int(found.page_faults));
    }

    Workplace place;
    uint64_t peak_bytes = 0;  ///< of memory in use at one time, mapped parts of files included
};

TEST_F(Memory, PruningShardsHoldsOneTensorAndWritesEachByteOnce) {
    const Counted found = run({"--threads", "4", "prune", place.at("in/m.index.json"), "--recipe",
                               place.at("half.yaml"), "--out", place.at("out")});
    expect_shards_within_bounds(found, 4000);
}

TEST_F(Memory, ALevelThatAllTensorsShareHoldsOneTensorAndReadsEachByteTwice) {
    for (const std::string block : {"[1, 1]", "[1, 4]"}) {
        place.folder.write("global.yaml",
                           "version: 1\ngroups: [{layers: '*', sparsifier: magnitude, sparsity_level: 0.5, "
                           "sparse_block_shape: " +
                               block + "}]\nsteps: 2\n");
        // A sample of the weights comes first: some hundred places, and memory for it.
        const Counted found = run({"--threads", "4", "prune", place.at("in/m.index.json"), "--recipe",
                                   place.at("global.yaml"), "--out", place.at("out")});
        expect_shards_within_bounds(found, 7000);
    }
}

TEST_F(Memory, CountingPatternsHoldsOneTensorAndBringsEachByteInOnce) {
    const Counted found = run({"--threads", "4", "inspect", place.at("in/m.index.json"), "--patterns"});
    EXPECT_LE(peak_bytes, tensor_bytes + beside_largest);
    EXPECT_LE(found.written, uint64_t(64) << 10);
    EXPECT_LE(found.read, uint64_t(1) << 20);
    EXPECT_LE(found.page_faults, all_bytes / mapped_at_once + 2000);
    RecordProperty("peak_megabytes", int(peak_bytes >> 20));
    RecordProperty("page_faults", int(found.page_faults));
}

}  // namespace
}  // namespace lacuna
