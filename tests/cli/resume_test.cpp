// A run over a model in shards that is killed: the same command goes on, another one starts anew, nothing is left over.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using namespace testing_support;

constexpr int shards = 4;

class Resume : public testing::Test {
  protected:
    void SetUp() override {
        fs::create_directory(place.at("in"));
        nlohmann::ordered_json map;
        for (int i = 0; i < shards; ++i) {
            const std::string name = "m-" + std::to_string(i) + ".safetensors", number = std::to_string(i);
            const std::string mask = std::to_string((i + 1) % shards) + ".weight_mask";  // of another shard's weight
            write_safetensors(place.at("in/" + name),
                              {random_weights(number + ".weight_orig", {300, 400}, unsigned(i)),
                               random_weights(number + ".bias", {400}, unsigned(i) + 50),
                               tensor_of<uint8_t>(mask, DType::U8, {300, 400}, std::vector<uint8_t>(300 * 400, 1))});
            map[number + ".weight_orig"] = map[number + ".bias"] = map[mask] = name;
        }
        place.folder.write("in/m.index.json", nlohmann::ordered_json{{"weight_map", map}}.dump());
        write_recipe("many.yaml", 0.5);
        for (const char* folder : {"whole", "out", "masks"}) fs::create_directory(place.at(folder));
        EXPECT_EQ(lacuna_cli(arguments("whole", "whole/masks")).status, 0);
    }
    /// Slow enough to be killed between shards.
    void write_recipe(const std::string& name, double level) const {
        place.folder.write(name, "version: 1\ngroups: [{layers: '*', sparsifier: weight_norm, score: original, " +
                                     ("sparsity_level: " + std::to_string(level)) + "}]\nsteps: 60\n");
    }
    std::vector<std::string> arguments(const std::string& out, const std::string& masks) const {
        return {"prune",    place.at("in/m.index.json"),
                "--recipe", place.at("many.yaml"),
                "--out",    place.at(out),
                "--masks",  place.at(masks),
                "--report", place.at("report")};
    }
    std::vector<fs::path> staging(const std::string& folder) const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::directory_iterator(place.at(folder)))
            if (entry.path().filename().string().starts_with(".lacuna-")) found.push_back(entry.path());
        return found;
    }
    /// Shards that the run in `folder` has finished so far.
    int finished(const std::string& folder) const {
        const auto found = staging(folder);
        if (found.empty()) return -1;
        const std::string text = ScratchFolder::read(found[0] / ".lacuna-journal");
        return int(std::count(text.begin(), text.end(), '\n')) - 1;
    }
    /// Starts the run into "out" and ends it by a signal once it has finished `count` shards.
    Outcome stopped_after(int count, int signal) const {
        Program program(arguments("out", "masks/masks"));
        const pid_t child = program.start();
        for (int i = 0; i < 60000 && finished("out") < count; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ::kill(child, signal);
        const Outcome outcome = program.finish(child);
        EXPECT_EQ(outcome.status, signal == SIGKILL ? -SIGKILL : 128 + signal) << "it was too quick to be stopped";
        EXPECT_FALSE(fs::exists(place.at("out/m.index.json")));
        EXPECT_FALSE(fs::exists(place.at("masks/masks")));
        return outcome;
    }
    /// What the run wrote is what the run without a stop wrote, and nothing else is there.
    void expect_whole(const std::string& masks = "masks/masks") const {
        for (int i = 0; i < shards; ++i) {
            const std::string name = "/m-" + std::to_string(i) + ".safetensors";
            EXPECT_TRUE(ScratchFolder::read(place.at("out" + name)) == ScratchFolder::read(place.at("whole" + name)));
        }
        EXPECT_TRUE(ScratchFolder::read(place.at(masks)) == ScratchFolder::read(place.at("whole/masks")));
        EXPECT_TRUE(fs::exists(place.at("out/m.index.json")));
        EXPECT_TRUE(staging("out").empty());
        EXPECT_TRUE(staging("masks").empty());
        EXPECT_TRUE(staging(".").empty());
    }
    Outcome run_again() const { return lacuna_cli(arguments("out", "masks/masks")); }

    Workplace place;
};

TEST_F(Resume, AKilledRunGoesOnAfterItsFinishedShards) {
    for (const int count : {1, 3}) {
        stopped_after(count, SIGKILL);
        EXPECT_GE(finished("out"), count);
        const Outcome again = run_again();
        EXPECT_EQ(again.status, 0) << again.err;
        EXPECT_THAT(again.err, HasSubstr("note: going on after " + std::to_string(count) + " shard"));
        expect_whole();
        const auto report = nlohmann::json::parse(ScratchFolder::read(place.at("report")));
        EXPECT_EQ(report["layers"].size(), size_t(shards));
        EXPECT_EQ(report["total"]["zeros"], shards * 60'000);
        for (const char* folder : {"out", "masks"}) {
            fs::remove_all(place.at(folder));
            fs::create_directory(place.at(folder));
        }
    }
}

TEST_F(Resume, BeforeTheFirstShardThereIsNothingToGoOnFrom) {
    stopped_after(0, SIGKILL);
    const Outcome again = run_again();
    EXPECT_EQ(again.status, 0) << again.err;
    EXPECT_THAT(again.err, Not(HasSubstr("going on")));
    expect_whole();
}

TEST_F(Resume, ATermSignalKeepsWhatIsFinished) {
    EXPECT_THAT(stopped_after(2, SIGTERM).err, HasSubstr("2 finished shards stay"));
    EXPECT_THAT(run_again().err, HasSubstr("going on after 2 shards"));
    expect_whole();
}

TEST_F(Resume, WhatWasDamagedMeanwhileIsWrittenAgain) {
    stopped_after(2, SIGKILL);
    const auto spoil = [](const fs::path& path, std::streamoff from_end) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(from_end, std::ios::end);
        file.put('\x55');
        ASSERT_TRUE(file.good());
    };
    spoil(staging("out")[0] / "m-0.safetensors", -100);
    spoil(staging("masks")[0] / "masks", -300 * 400 - 1);  // in the first of the two that are there
    std::ofstream(staging("out")[0] / ".lacuna-journal", std::ios::app) << R"({"shard":"m-2.safete)";  // cut off
    EXPECT_EQ(run_again().status, 0);
    expect_whole();
}

TEST_F(Resume, AnotherRecipeModelOrMasksStartAnew) {
    stopped_after(1, SIGKILL);
    write_recipe("many.yaml", 0.25);
    EXPECT_EQ(lacuna_cli(arguments("whole", "whole/masks")).status, 0);
    const Outcome other = run_again();
    EXPECT_EQ(other.status, 0) << other.err;
    EXPECT_THAT(other.err, HasSubstr("not with the same recipe; this one starts anew"));
    expect_whole();

    for (const char* name : {"out", "masks"}) {
        fs::remove_all(place.at(name));
        fs::create_directory(place.at(name));
    }
    stopped_after(1, SIGKILL);
    fs::last_write_time(place.at("in/m-0.safetensors"), fs::file_time_type::clock::now());
    const Outcome third = lacuna_cli(arguments("out", "masks/others"));
    EXPECT_EQ(third.status, 0) << third.err;
    EXPECT_THAT(third.err, HasSubstr("not with the same model, masks; this one starts anew"));
    expect_whole("masks/others");
}

TEST_F(Resume, WhatAKilledRunOverOneFileLeftIsClearedAway) {
    auto one_file = place.prune_arguments({"--masks", place.at("masks/one")});
    one_file[1] = place.at("in/m-0.safetensors");
    one_file[3] = place.at("many.yaml");
    one_file[5] = place.at("one");
    Program program(one_file);
    const pid_t child = program.start();
    for (int i = 0; i < 60000 && (staging(".").empty() || staging("masks").empty()); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(child, SIGKILL);
    program.finish(child);
    EXPECT_EQ(staging(".").size(), 1u);
    EXPECT_EQ(lacuna_cli(one_file).status, 0);
    EXPECT_TRUE(staging(".").empty());
    EXPECT_TRUE(staging("masks").empty());
}

}  // namespace
}  // namespace lacuna
