// prune --state and --save-state: a run that is taken up again. What PyTorch makes of the files is in
// session/peer_state.py.

#include <gmock/gmock.h>

#include "engine/session/sparsifier_state.h"
#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::HasSubstr;

constexpr const char* more =
    "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_norm\n    sparsity_level: 0.75\n";

TEST(PruneState, GoesOnWhereItStopped) {
    const Workplace place;
    place.folder.write("more.yaml", more);
    const auto prune = [&](const std::string& recipe, const std::vector<std::string>& rest) {
        std::vector<std::string> all{"prune", place.at("model.safetensors"), "--recipe", place.at(recipe)};
        all.insert(all.end(), rest.begin(), rest.end());
        const Outcome outcome = lacuna_cli(all);
        EXPECT_EQ(outcome.status, 0) << outcome.err;
    };
    prune("half.yaml", {"--out", place.at("half"), "--save-state", place.at("half.pt")});
    prune("more.yaml",
          {"--out", place.at("more"), "--state", place.at("half.pt"), "--save-state", place.at("more.pt")});
    const SparsifierState half = read_sparsifier_state(place.at("half.pt")),
                          later = read_sparsifier_state(place.at("more.pt"));
    ASSERT_EQ(half.groups.size(), 3u);
    ASSERT_EQ(later.groups.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_GT(later.groups[i].mask->pruned(), half.groups[i].mask->pruned());
        EXPECT_EQ((*later.groups[i].mask - *half.groups[i].mask).kept(), 0) << "what was pruned stays so";
    }
}

/// A recipe under two schedulers, the second of which changes what the first has set.
std::string scheduled(int steps, const std::string& factor = "epoch < 3 ? 0.5 : 1") {
    return "version: 1\ngroups:\n  - {layers: \"*\", sparsifier: weight_norm, sparsity_level: 0.75}\n"
           "  - {layers: conv.weight, sparsifier: weight_norm, sparsity_level: 0.5}\nsteps: " +
           std::to_string(steps) +
           "\nschedule:\n  - {scheduler: cubic, delta_t: 1, total_t: [5, 4], hold: true}\n"
           "  - {scheduler: lambda, of: level, factor: \"" +
           factor + "\"}\n";
}

TEST(PruneState, AScheduleGoesOnWhereItStopped) {
    const Workplace place;
    const auto prune = [&](int steps, const std::vector<std::string>& rest) {
        place.folder.write("steps.yaml", scheduled(steps));
        std::vector<std::string> all{"prune", place.at("model.safetensors"), "--recipe", place.at("steps.yaml")};
        all.insert(all.end(), rest.begin(), rest.end());
        const Outcome outcome = lacuna_cli(all);
        EXPECT_EQ(outcome.status, 0) << outcome.err;
    };
    prune(6, {"--out", place.at("whole"), "--save-state", place.at("whole.pt")});
    prune(2, {"--out", place.at("part"), "--save-state", place.at("two.pt")});
    EXPECT_NE(ScratchFolder::read(place.at("part")), ScratchFolder::read(place.at("whole")));
    prune(1, {"--out", place.at("part"), "--state", place.at("two.pt"), "--save-state", place.at("three.pt")});
    prune(3, {"--out", place.at("part"), "--state", place.at("three.pt"), "--save-state", place.at("six.pt")});
    EXPECT_EQ(ScratchFolder::read(place.at("part")), ScratchFolder::read(place.at("whole")));
    EXPECT_EQ(ScratchFolder::read(place.at("six.pt")), ScratchFolder::read(place.at("whole.pt")));
    const SparsifierState three = read_sparsifier_state(place.at("three.pt"));
    const PlainValue* schedulers = three.extras.find("schedulers");
    ASSERT_TRUE(schedulers);
    ASSERT_EQ(schedulers->items.size(), 2u);
    EXPECT_EQ(schedulers->items[0].find("last_epoch")->integer, 3);
    EXPECT_EQ(schedulers->items[1].find("_step_count")->integer, 4);
}

TEST(PruneState, AScheduleOfAnotherKindIsRefused) {
    const Workplace place;
    place.folder.write("steps.yaml", scheduled(1));
    const auto run = [&](const std::vector<std::string>& rest) {
        std::vector<std::string> all{
            "prune", place.at("model.safetensors"), "--recipe", place.at("steps.yaml"), "--out", place.at("out")};
        all.insert(all.end(), rest.begin(), rest.end());
        return lacuna_cli(all);
    };
    ASSERT_EQ(run({"--save-state", place.at("s.pt")}).status, 0);
    place.folder.write("steps.yaml", std::string(more) + "schedule: {scheduler: cubic}\n");
    EXPECT_THAT(run({"--state", place.at("s.pt")}).err,
                HasSubstr("s.pt: its schedulers are cubic, lambda, the recipe's are cubic; give the recipe that"));
    place.folder.write("steps.yaml", scheduled(2, "1 / (epoch - 2)"));
    EXPECT_THAT(run({"--state", place.at("s.pt")}).err, HasSubstr("no finite sparsity_level for epoch 2"));
    place.folder.write("steps.yaml", more);
    EXPECT_EQ(run({"--state", place.at("s.pt"), "--save-state", place.at("t.pt")}).status, 0);
    EXPECT_FALSE(read_sparsifier_state(place.at("t.pt")).extras.find("schedulers")) << "it was left";
}

TEST(PruneState, UnderDataNormItGoesOnWhereItStopped) {
    const Workplace place;
    const auto prune = [&](int steps, const std::vector<std::string>& rest) {
        place.folder.write("data.yaml",
                           "version: 1\ngroups: [{layers: '*', sparsifier: data_norm, sparsity_level: 0.6}]\nsteps: " +
                               std::to_string(steps) + "\nschedule: {scheduler: cubic, delta_t: 1, total_t: 5}\n");
        std::vector<std::string> all{"prune", place.at("model.safetensors"), "--recipe", place.at("data.yaml")};
        all.insert(all.end(), rest.begin(), rest.end());
        const Outcome outcome = lacuna_cli(all);
        EXPECT_EQ(outcome.status, 0) << outcome.err;
        EXPECT_EQ(outcome.err, "");
    };
    prune(5, {"--out", place.at("whole"), "--save-state", place.at("whole.pt")});
    prune(2, {"--out", place.at("part"), "--save-state", place.at("two.pt")});
    prune(3, {"--out", place.at("part"), "--state", place.at("two.pt"), "--save-state", place.at("five.pt")});
    EXPECT_EQ(ScratchFolder::read(place.at("part")), ScratchFolder::read(place.at("whole")));
    EXPECT_EQ(ScratchFolder::read(place.at("five.pt")), ScratchFolder::read(place.at("whole.pt")));
    EXPECT_EQ(read_sparsifier_state(place.at("five.pt")).groups.at(0).tensor_fqn, "fc2_weight");
}

TEST(PruneState, DataNormBesideOtherRulesIsSaidToBeForLacunaAlone) {
    const Workplace place;
    place.folder.write("half.yaml",
                       "version: 1\ngroups:\n  - {layers: '*', sparsifier: data_norm}\n"
                       "  - {layers: 'fc*.weight', sparsifier: weight_norm}\n");
    const Outcome saved = lacuna_cli(place.prune_arguments({"--save-state", place.at("s.pt")}));
    EXPECT_EQ(saved.status, 0);
    EXPECT_THAT(saved.err, HasSubstr("note: PyTorch has no sparsifier for data_norm and other rules together"));
    EXPECT_EQ(lacuna_cli(place.prune_arguments({"--state", place.at("s.pt")})).status, 0);
}

TEST(PruneState, TheSameStateGivesTheSameBytes) {
    const Workplace place;
    for (const char* threads : {"1", "3"}) {
        const Outcome outcome =
            lacuna_cli(place.prune_arguments({"--save-state", place.at(threads), "--threads", threads}));
        ASSERT_EQ(outcome.status, 0) << outcome.err;
    }
    EXPECT_EQ(ScratchFolder::read(place.at("1")), ScratchFolder::read(place.at("3")));
}

TEST(PruneState, AStateThatDoesNotFitLeavesEverythingAsItWas) {
    const Workplace place;
    ASSERT_EQ(lacuna_cli(place.prune_arguments({"--save-state", place.at("s.pt")})).status, 0);
    write_safetensors(place.folder / "model.safetensors", {random_weights("fc2.weight", {10, 63}, 1)});
    place.folder.write("half.pt", "no state");
    const auto before = place.files();
    const auto refused = [&](const std::vector<std::string>& rest, const std::string& why) {
        const Outcome outcome = lacuna_cli(place.prune_arguments(rest));
        EXPECT_EQ(outcome.status, 1);
        EXPECT_THAT(outcome.err, HasSubstr(why));
        EXPECT_EQ(place.files(), before);
    };
    refused({"--state", place.at("s.pt")}, "fc2.weight: the state's mask has shape [10, 64], the tensor [10, 63]");
    refused({"--state", place.at("half.pt")}, "is no file that torch.save wrote");
    refused({"--state", place.at("nothing.pt")}, "nothing.pt");
    refused({"--save-state", place.at("nowhere/s.pt")}, "nowhere");
}

TEST(PruneState, TheStateThatIsReadIsNotReplaced) {
    const Workplace place;
    ASSERT_EQ(lacuna_cli(place.prune_arguments({"--save-state", place.at("s.pt")})).status, 0);
    const Outcome outcome =
        lacuna_cli(place.prune_arguments({"--state", place.at("s.pt"), "--save-state", place.at("s.pt")}));
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("is being read"));
    EXPECT_EQ(lacuna_cli(place.prune_arguments({"--save-state", place.at("out")})).status, 2);
}

}  // namespace
}  // namespace lacuna
