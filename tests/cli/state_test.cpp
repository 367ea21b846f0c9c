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
