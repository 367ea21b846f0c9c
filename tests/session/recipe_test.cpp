#include "engine/session/recipe.h"

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/session/recipe_keys.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* contract = R"(version: 1
groups:
  - layers: "*"                      # a glob over tensor FQNs
    except: ["head.*"]
    sparsifier: weight_norm
    sparsity_level: 0.5
    sparse_block_shape: [1, 4]
    zeros_per_block: 4
    norm: 2
  - layers: ["blocks.0.*"]
    sparsifier: nearly_diagonal
    nearliness: 3
steps: 1
)";

std::string problem(const std::string& text) {
    try {
        parse_recipe(text, "r.yaml");
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::recipe);
        EXPECT_FALSE(error.hint().empty()) << error.what();
        return error.what();
    }
    return "no error";
}

void expect_same(const Recipe& a, const Recipe& b) {
    EXPECT_EQ(a.version, b.version);
    EXPECT_EQ(a.steps, b.steps);
    EXPECT_EQ(a.ties, b.ties);
    ASSERT_EQ(a.groups.size(), b.groups.size());
    for (size_t i = 0; i < a.groups.size(); ++i) {
        EXPECT_EQ(a.groups[i].layers, b.groups[i].layers);
        EXPECT_EQ(a.groups[i].except, b.groups[i].except);
        EXPECT_EQ(a.groups[i].sparsifier, b.groups[i].sparsifier);
        EXPECT_EQ(a.groups[i].options, b.groups[i].options);
    }
}

TEST(Recipe, EveryDeclaredKeyIsRead) {
    const auto wrong = [](const std::string& key) { return key + ": {a: [b]}"; };
    const std::string group = "{layers: '*', sparsifier: weight_norm}";
    for (const RecipeKey& key : recipe_keys()) {
        std::string text = wrong(key.name) + "\n";
        if (key.name != "version") text += "version: 1\n";
        if (key.name != "groups") text += "groups: [" + group + "]\n";
        EXPECT_THAT(problem(text),
                    testing::AnyOf(HasSubstr(":1: " + key.name + ": "), HasSubstr("scheduler: is missing")));
    }
    for (const RecipeKey& key : group_keys()) {
        std::string text = "version: 1\ngroups:\n  - " + wrong(key.name) + "\n";
        for (const RecipeKey& other : group_keys())
            if (other.name != key.name && other.otherwise == "needed")
                text += "    " + other.name + ": " + (other.name == "layers" ? "'*'" : "weight_norm") + "\n";
        EXPECT_THAT(problem(text), HasSubstr(": " + key.name + ": "));
    }
    for (const RecipeKey& key : schedule_keys())
        EXPECT_THAT(problem("version: 1\ngroups: [" + group + "]\nschedule: {" + wrong(key.name) + "}\n"),
                    HasSubstr(":3: " + key.name + ": is a mapping"));
}

TEST(Recipe, NeededKeysAreThoseThatCannotBeLeftOut) {
    EXPECT_THAT(problem("groups: [{layers: a, sparsifier: weight_norm}]\n"), HasSubstr("version: is missing"));
    EXPECT_THAT(problem("version: 1\n"), HasSubstr("groups: is missing"));
    EXPECT_THAT(problem("version: 1\ngroups: [{sparsifier: weight_norm}]\n"), HasSubstr("layers: is missing"));
    EXPECT_THAT(problem("version: 1\ngroups: [{layers: a}]\n"), HasSubstr("sparsifier: is missing"));
    const auto needed = [](std::span<const RecipeKey> keys) {
        return std::count_if(keys.begin(), keys.end(), [](const RecipeKey& key) { return key.otherwise == "needed"; });
    };
    EXPECT_EQ(needed(recipe_keys()), 2);
    EXPECT_EQ(needed(group_keys()), 2);
    EXPECT_EQ(problem("version: 1\ngroups: [{layers: a, sparsifier: weight_norm}]\n"), "no error");
}

TEST(Recipe, TheContractsExample) {
    const Recipe recipe = parse_recipe(contract, "r.yaml");
    EXPECT_EQ(recipe.version, 1);
    EXPECT_EQ(recipe.steps, 1);
    EXPECT_EQ(recipe.ties, Ties::lowest);
    EXPECT_EQ(recipe.source, "r.yaml");
    ASSERT_EQ(recipe.groups.size(), 2u);
    const RecipeGroup& first = recipe.groups[0];
    EXPECT_THAT(first.layers, ElementsAre("*"));
    EXPECT_THAT(first.except, ElementsAre("head.*"));
    EXPECT_EQ(first.sparsifier, "weight_norm");
    EXPECT_EQ(first.options.number("sparsity_level"), 0.5);
    EXPECT_THAT(first.options.block("sparse_block_shape"), ElementsAre(1, 4));
    EXPECT_EQ(first.options.integer("zeros_per_block"), 4);
    EXPECT_EQ(first.options.choice("norm"), "2");
    EXPECT_EQ(recipe.groups[1].options.integer("nearliness"), 3);
    EXPECT_EQ(recipe.groups[1].layer_places[0].line, 10);
    EXPECT_EQ(recipe.groups[1].option_places.at("nearliness").line, 12);
}

TEST(Recipe, JsonIsARecipe) {
    const Recipe recipe = parse_recipe(
        "{\"version\": 1, \"groups\": [\n\t{\"layers\": [\"a\", \"b.*\"], \"sparsifier\": \"weight_norm\", "
        "\"sparsity_level\": 1}], \"ties\": \"aten\", \"steps\": 3}",
        "r.json");
    EXPECT_THAT(recipe.groups.at(0).layers, ElementsAre("a", "b.*"));
    EXPECT_EQ(recipe.groups[0].options.number("sparsity_level"), 1.0);
    EXPECT_EQ(recipe.ties, Ties::aten);
    EXPECT_EQ(recipe.steps, 3);
}

TEST(Recipe, LeftOutOptionsStayAbsent) {
    const Recipe recipe = parse_recipe("version: 1\ngroups: [{layers: x, sparsifier: weight_norm}]\n", "r.yaml");
    EXPECT_TRUE(recipe.groups.at(0).options.values().empty());
}

TEST(Recipe, AnchorsHoldWhatTheyName) {
    const Recipe recipe = parse_recipe(
        "version: 1\ngroups:\n  - {layers: &l [a, b], sparsifier: weight_norm}\n  - {layers: *l, sparsifier: "
        "nearly_diagonal}\n",
        "r.yaml");
    EXPECT_EQ(recipe.groups.at(1).layers, recipe.groups.at(0).layers);
}

TEST(Recipe, NumbersAreReadAsYamlReadsThem) {
    const auto level = [](const std::string& text) {
        return parse_recipe("version: 1\ngroups: [{layers: x, sparsifier: weight_norm, sparsity_level: " + text + "}]",
                            "r.yaml")
            .groups[0]
            .options.number("sparsity_level");
    };
    EXPECT_EQ(level("1"), 1.0);
    EXPECT_EQ(level("+0.25"), 0.25);
    EXPECT_EQ(level("25e-2"), 0.25);
    EXPECT_EQ(level(".25"), 0.25);
    EXPECT_EQ(level("0.1"), 0.1);
}

TEST(Recipe, WhatIsWrittenIsReadBackTheSame) {
    Recipe recipe = parse_recipe(contract, "r.yaml");
    recipe.ties = Ties::aten;
    recipe.steps = 7;
    recipe.groups[0].options.set("sparsity_level", 0.1 + 0.2);
    recipe.groups[1].layers = {"with \"quotes\"", "back\\slash",   "colon: #no comment",
                               "line\nbreak",     "\u00e9.weight", "- x"};
    expect_same(parse_recipe(to_yaml(recipe), "again"), recipe);
    expect_same(parse_recipe(to_yaml(parse_recipe(contract, "")), "again"), parse_recipe(contract, ""));
}

TEST(Recipe, AFileIsReadByItsName) {
    const testing_support::ScratchFolder folder;
    const auto path = folder.write("good.yaml", contract);
    EXPECT_EQ(read_recipe(path).source, path.string());
    EXPECT_THROW(read_recipe(folder / "missing.yaml"), Error);
    EXPECT_THROW(read_recipe(folder.path()), Error);
    folder.write("long.yaml", std::string(3 << 20, '#'));
    EXPECT_THROW(read_recipe(folder / "long.yaml"), Error);
}

TEST(Recipe, ErrorsNameFileLineAndKey) {
    EXPECT_EQ(problem("version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_norm\n    sparsity_levl: 0.5\n"),
              "r.yaml:5: sparsity_levl: is not a key of a group; did you mean sparsity_level?");
    EXPECT_THAT(problem("version: 1\ngroups:\n  - layers: x\n    sparsifier: weight_norm\n    sparsity_level: 7\n"),
                HasSubstr("r.yaml:5: sparsity_level: 7 is not between 0 and 1"));
    EXPECT_THAT(problem("version: 1\ngroups:\n  - layers: x\n    sparsifier: weight_norm\n    zeros_per_block: 5\n"),
                HasSubstr("r.yaml:5: zeros_per_block: 5 is more than the 4 weights"));
}

TEST(Recipe, NoDepthOfNestingHurts) {
    for (const char* piece : {"[", "{a: ", "- ", "? ", "[[&a ", "!!x "}) {
        std::string text = "version: 1\ngroups: ";
        while (text.size() < 200'000) text += piece;
        EXPECT_NE(problem(text), "no error") << piece;
    }
}

TEST(Recipe, AliasesCannotGrowWithoutBound) {
    std::string text = "version: 1\ngroups:\n  - {sparsifier: weight_norm, layers: &l [";
    for (int i = 0; i < 50'000; ++i) text += "a,";
    text += "]}\n";
    for (int i = 0; i < 2'000; ++i) text += "  - {sparsifier: weight_norm, layers: *l}\n";
    EXPECT_THAT(problem(text), HasSubstr("more than 500000 patterns"));
    EXPECT_NE(problem("version: 1\ngroups: &g [*g]\n"), "no error");
}

}  // namespace
}  // namespace lacuna
