// Bad recipes, models and command lines: each gives one line that names what, where and what to do, and changes
// nothing.
#include <gmock/gmock.h>

#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace testing_support;

struct BadCase {
    std::string name;
    std::string content;                 ///< of the recipe or the model
    std::vector<std::string> fragments;  ///< that the line holds
};
void PrintTo(const BadCase& bad, std::ostream* out) {
    *out << bad.name;
}
template <class Case>
std::string name_of(const testing::TestParamInfo<Case>& info) {
    return info.param.name;
}

#ifdef __SANITIZE_ADDRESS__
constexpr long most_kilobytes = 500'000;  // with the sanitizer's own
#else
constexpr long most_kilobytes = 100'000;
#endif

/// One failing run: the right status, exactly one line, no crash, and every file as it was.
void expect_refused(const Workplace& place, const std::vector<std::string>& arguments, int status,
                    const std::vector<std::string>& fragments) {
    const auto before = place.files();
    const Outcome outcome = lacuna_cli(arguments);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("error: "));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const std::string& fragment : fragments) EXPECT_THAT(outcome.err, HasSubstr(fragment));
    EXPECT_THAT(outcome.err, HasSubstr("; ")) << "what to do about it is missing";
    EXPECT_LT(outcome.peak_kilobytes, most_kilobytes);
    EXPECT_TRUE(place.files() == before) << "files were changed";
}

// --- recipes

const std::string head = "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_norm\n";

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

class BadRecipe : public testing::TestWithParam<BadCase> {};

TEST_P(BadRecipe, IsRefused) {
    const Workplace place;
    place.folder.write("half.yaml", GetParam().content);
    std::vector<std::string> fragments = GetParam().fragments;
    fragments.push_back("half.yaml");
    expect_refused(place, place.prune_arguments(), 1, fragments);
}

const BadCase bad_recipes[] = {
    {"empty", "", {"is empty"}},
    {"comment_only", "# nothing\n", {"is empty"}},
    {"a_word", "prune\n", {":1", "not a mapping"}},
    {"a_list", "- a\n- b\n", {":1", "a list, not a mapping"}},
    {"no_version", "groups: []\n", {":1: version: is missing", "version: 1"}},
    {"version_2", "version: 2\ngroups: []\n", {":1: version: is \"2\"", "version: 1"}},
    {"version_in_quotes", "version: \"1\"\ngroups: []\n", {":1: version"}},
    {"version_real", "version: 1.0\ngroups: []\n", {":1: version"}},
    {"no_groups", "version: 1\n", {"groups: is missing"}},
    {"empty_groups", "version: 1\ngroups: []\n", {":2: groups: is empty"}},
    {"groups_is_nothing", "version: 1\ngroups:\n", {":2: groups: is empty, not a list"}},
    {"groups_is_a_mapping", "version: 1\ngroups:\n  layers: \"*\"\n", {":2: groups: is a mapping, not a list"}},
    {"group_is_a_word", "version: 1\ngroups:\n  - weight_norm\n", {":3: groups", "\"weight_norm\", not a mapping"}},
    {"unknown_top_key", "version: 1\ngrops: []\n", {":2: grops", "did you mean groups?"}},
    {"unknown_key_far_off", "version: 1\nzebra: 1\ngroups: []\n", {":2: zebra", "known keys: version, groups"}},
    {"duplicate_top_key", "version: 1\nversion: 1\ngroups: []\n", {":2: version: comes twice"}},
    {"key_is_a_list", "version: 1\n? [a]\n: 1\n", {"a key is a list"}},
    {"unknown_group_key", head + "    sparsity: 0.5\n", {":5: sparsity", "is not a key"}},
    {"key_in_the_wrong_place", head + "    ties: aten\n", {":5: ties", "at the top of the recipe"}},
    {"except_misspelt", head + "    except: fc1.wieght\n", {"except", "fc1.wieght"}},
    {"mistyped_option", head + "    sparsity_levle: 0.5\n", {":5: sparsity_levle", "did you mean sparsity_level?"}},
    {"option_of_another", head + "    nearliness: 3\n", {":5: nearliness", "is not a key of a weight_norm group"}},
    {"duplicate_option", head + "    norm: 1\n    norm: 2\n", {":6: norm: comes twice"}},
    {"no_layers", "version: 1\ngroups:\n  - sparsifier: weight_norm\n", {":3: layers: is missing"}},
    {"layers_is_nothing", "version: 1\ngroups:\n  - layers:\n    sparsifier: weight_norm\n", {":3: layers"}},
    {"layers_is_a_mapping",
     "version: 1\ngroups:\n  - layers: {a: b}\n    sparsifier: weight_norm\n",
     {":3: layers", "a mapping"}},
    {"layers_is_empty",
     "version: 1\ngroups:\n  - layers: []\n    sparsifier: weight_norm\n",
     {":3: layers: names no tensor"}},
    {"layers_holds_a_list",
     "version: 1\ngroups:\n  - layers: [[a]]\n    sparsifier: weight_norm\n",
     {":3: layers", "an entry is a list"}},
    {"layers_empty_name",
     "version: 1\ngroups:\n  - layers: [\"\"]\n    sparsifier: weight_norm\n",
     {":3: layers", "empty name"}},
    {"layers_is_a_number",
     "version: 1\ngroups:\n  - layers: 5\n    sparsifier: weight_norm\n",
     {":3: layers", "\"5\""}},
    {"except_is_a_mapping", head + "    except: {a: b}\n", {":5: except", "a mapping"}},
    {"except_takes_all", head + "    except: \"*\"\n", {"except: takes away every tensor"}},
    {"no_sparsifier", "version: 1\ngroups:\n  - layers: \"*\"\n", {":3: sparsifier: is missing"}},
    {"unknown_sparsifier",
     "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_nrm\n",
     {":4: sparsifier", "did you mean weight_norm?"}},
    {"sparsifier_is_a_list",
     "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: [weight_norm]\n",
     {":4: sparsifier: is a list"}},
    {"level_above_1", head + "    sparsity_level: 1.5\n", {":5: sparsity_level", "1.5 is not between 0 and 1"}},
    {"level_below_0", head + "    sparsity_level: -0.1\n", {":5: sparsity_level"}},
    {"level_percent", head + "    sparsity_level: 50%\n", {":5: sparsity_level", "\"50%\" is not a number"}},
    {"level_in_quotes", head + "    sparsity_level: \"0.5\"\n", {":5: sparsity_level", "\"0.5\" is not a number"}},
    {"level_nan", head + "    sparsity_level: .nan\n", {":5: sparsity_level", "not finite"}},
    {"level_infinite", head + "    sparsity_level: -.inf\n", {":5: sparsity_level", "not finite"}},
    {"level_inf_word", head + "    sparsity_level: inf\n", {":5: sparsity_level", "is not a number"}},
    {"level_too_large", head + "    sparsity_level: 1e999\n", {":5: sparsity_level", "not finite"}},
    {"level_is_nothing", head + "    sparsity_level:\n", {":5: sparsity_level", "an empty value is not a number"}},
    {"level_is_a_list", head + "    sparsity_level: [1]\n", {":5: sparsity_level", "is not a number"}},
    {"level_is_true", head + "    sparsity_level: true\n", {":5: sparsity_level", "true is not a number"}},
    {"level_hexadecimal", head + "    sparsity_level: 0x1\n", {":5: sparsity_level", "is not a number"}},
    {"block_of_three", head + "    sparse_block_shape: [1, 2, 3]\n", {":5: sparse_block_shape", "pair"}},
    {"block_of_zero", head + "    sparse_block_shape: [0, 4]\n", {":5: sparse_block_shape"}},
    {"block_of_reals", head + "    sparse_block_shape: [1, 0.5]\n", {":5: sparse_block_shape", "\"0.5\""}},
    {"block_is_a_word", head + "    sparse_block_shape: 1x4\n", {":5: sparse_block_shape", "\"1x4\""}},
    {"block_overflows", head + "    sparse_block_shape: [1, 99999999999999999999]\n", {":5: sparse_block_shape"}},
    {"too_many_zeros", head + "    zeros_per_block: 5\n", {":5: zeros_per_block", "5 is more than the 4 weights"}},
    {"negative_zeros", head + "    zeros_per_block: -1\n", {":5: zeros_per_block"}},
    {"half_a_zero", head + "    zeros_per_block: 1.5\n", {":5: zeros_per_block", "1.5 is not a whole number"}},
    {"norm_3", head + "    norm: 3\n", {":5: norm", "3 is not one of 1, 2"}},
    {"norm_is_a_mapping", head + "    norm: {p: 2}\n", {":5: norm"}},
    {"even_nearliness",
     "version: 1\ngroups:\n  - layers: fc1.weight\n    sparsifier: nearly_diagonal\n    nearliness: 4\n",
     {":5: nearliness", "4 is even"}},
    {"wide_nearliness",
     "version: 1\ngroups:\n  - layers: fc2.weight\n    sparsifier: nearly_diagonal\n    nearliness: 21\n",
     {":5: nearliness", "fc2.weight", "at most 19"}},
    {"steps_0", head + "steps: 0\n", {":5: steps", "\"0\" is not a whole number between 1"}},
    {"steps_half", head + "steps: 1.5\n", {":5: steps"}},
    {"steps_absurd", head + "steps: 1000000000\n", {":5: steps"}},
    {"steps_is_a_list", head + "steps: [1]\n", {":5: steps", "a list"}},
    {"ties_unknown", head + "ties: highest\n", {":5: ties", "neither lowest nor aten"}},
    {"schedule", head + "schedule: {type: cubic}\n", {":5: schedule"}},
    {"glob_without_match",
     "version: 1\ngroups:\n  - layers: [\"*\", \"decoder.*\"]\n    sparsifier: weight_norm\n",
     {":3: layers", "\"decoder.*\" matches no tensor", "inspect"}},
    {"glob_of_biases",
     "version: 1\ngroups:\n  - layers: \"*.bias\"\n    sparsifier: weight_norm\n",
     {":3: layers", "fc1.bias has shape [64]"}},
    {"name_without_match",
     "version: 1\ngroups:\n  - layers:\n      - fc1.weight\n      - fc1.wheight\n    sparsifier: weight_norm\n",
     {":5: layers", "did you mean fc1.weight?"}},
    {"name_of_a_layer",
     "version: 1\ngroups:\n  - layers: fc1\n    sparsifier: weight_norm\n",
     {":3: layers", "write \"fc1.*\""}},
    {"name_of_integers",
     "version: 1\ngroups:\n  - layers: steps\n    sparsifier: weight_norm\n",
     {":3: layers", "steps cannot be pruned", "I64"}},
    {"diagonal_of_a_conv",
     "version: 1\ngroups:\n  - layers: conv.weight\n    sparsifier: nearly_diagonal\n",
     {":3: layers", "two dimensions"}},
    {"unquoted_star", "version: 1\ngroups:\n  - layers: *\n    sparsifier: weight_norm\n", {":3", "quotes"}},
    {"unquoted_glob", "version: 1\ngroups:\n  - layers: *.weight\n    sparsifier: weight_norm\n", {":3", "quotes"}},
    {"tab", "version: 1\ngroups:\n  - layers: \"*\"\n\tsparsifier: weight_norm\n", {":4", "spaces"}},
    {"unclosed_bracket", "version: 1\ngroups: [\n", {"not valid YAML"}},
    {"unclosed_quote", "version: 1\ngroups: \"\n", {":2: groups"}},
    {"bad_indentation", "version: 1\n groups: []\n", {"not valid YAML"}},
    {"broken_json", "{\"version\": 1, \"groups\": [}", {":1", "not valid YAML"}},
    {"undefined_alias", "version: 1\ngroups: [*nowhere]\n", {"not valid YAML"}},
    {"merge_key", head + "    <<: {norm: 1}\n", {":5: <<"}},
    {"two_documents", head + "---\n" + head, {"second document"}},
    {"stray_comma", "# comment\n, a of b.\nversion: 1\ngroups: []\n", {":2", "stray commas"}},
    {"latin_1", "version: 1 # caf\xe9\n", {":1", "UTF-8"}},
    {"utf_16", std::string("\xff\xfev\0e\0", 6), {":1", "UTF-8"}},
    {"binary",
     std::string("\x7f"
                 "ELF\x02\x01\x01\0\0\0",
                 10),
     {":1", "UTF-8"}},
    {"too_many", "version: 1\ngroups: [" + repeated("0,", 1'000'000) + "0]\n", {"holds more than 1000000 values"}},
    {"deep", "version: 1\ngroups: " + std::string(100'000, '['), {"not valid YAML"}},
    {"cyclic", "version: 1\ngroups: &g\n  - *g\n", {"groups"}},
};
INSTANTIATE_TEST_SUITE_P(Table, BadRecipe, testing::ValuesIn(bad_recipes), name_of<BadCase>);

/// Not in the table: a string of that size would count as the program's memory, which begins as a copy of this one's.
TEST(LargeRecipe, IsRefused) {
    const Workplace place;
    std::filesystem::resize_file(place.at("half.yaml"), 33 << 20);
    expect_refused(place, place.prune_arguments(), 1, {"half.yaml", "larger than 32 MiB"});
}

// --- models

/// A safetensors file of a header and some bytes of data.
std::string safetensors(const std::string& header, size_t data = 16) {
    std::string file(8, '\0');
    for (size_t i = 0; i < 8; ++i) file[i] = char(header.size() >> (8 * i) & 0xff);
    return file + header + std::string(data, '\1');
}

class BadModel : public testing::TestWithParam<BadCase> {};

TEST_P(BadModel, IsRefused) {
    const Workplace place;
    place.folder.write("model.safetensors", GetParam().content);
    std::vector<std::string> fragments = GetParam().fragments;
    fragments.push_back("model.safetensors");
    expect_refused(place, place.prune_arguments(), 1, fragments);
    expect_refused(place, {"inspect", place.at("model.safetensors"), "--sparsity", "--json", place.at("json")}, 1,
                   fragments);
}

const BadCase bad_models[] = {
    {"empty", "", {}},
    {"short", "abc", {}},
    {"text", "This is a letter to my uncle, and no model at all.\n", {}},
    {"header_length_past_the_end", std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10), {}},
    {"header_length_zero", std::string(64, '\0'), {}},
    {"header_is_a_list", safetensors("[1]"), {}},
    {"header_is_cut", safetensors("{\"w\":{\"dtype\":\"F32\",\"shape\":[4],"), {}},
    {"unknown_type", safetensors(R"({"w":{"dtype":"F99","shape":[4],"data_offsets":[0,16]}})"), {"F99"}},
    {"no_type", safetensors(R"({"w":{"shape":[4],"data_offsets":[0,16]}})"), {"w"}},
    {"no_offsets", safetensors(R"({"w":{"dtype":"F32","shape":[4]}})"), {"w"}},
    {"negative_size", safetensors(R"({"w":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})"), {"w"}},
    {"size_overflows",
     safetensors(R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}})"),
     {"w"}},
    {"offsets_past_the_end", safetensors(R"({"w":{"dtype":"F32","shape":[400],"data_offsets":[0,1600]}})"), {"w"}},
    {"offsets_backwards", safetensors(R"({"w":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})"), {"w"}},
    {"offsets_do_not_fit", safetensors(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})"), {"w"}},
    {"same_name_twice",
     safetensors(
         R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})"),
     {"w"}},
    {"overlap",
     safetensors(
         R"({"v":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})"),
     {}},
    {"deep_header", safetensors("{\"w\":" + std::string(50'000, '[')), {}},
    {"index_without_map", "{\"metadata\": {}}", {}},
    {"index_of_nothing_there", R"({"weight_map": {"w": "shard-1.model.safetensors"}})", {}},
    {"index_that_climbs", R"({"weight_map": {"w": "../../../etc/passwd"}})", {}},
    {"zip_of_nothing", std::string("PK\5\6") + std::string(18, '\0'), {}},
    {"zip_that_is_cut", std::string("PK\3\4") + std::string(100, '\0'), {}},
    {"pickle_of_a_word", "\x80\x02X\x05\0\0\0helloq\0.", {}},
    {"pickle_that_runs_code", "cposix\nsystem\n(S'touch /tmp/pwned'\ntR.", {}},
};
INSTANTIATE_TEST_SUITE_P(Table, BadModel, testing::ValuesIn(bad_models), name_of<BadCase>);

// --- labelled samples

class BadData : public testing::TestWithParam<BadCase> {};

TEST_P(BadData, IsRefused) {
    const Workplace place;
    place.folder.write("data", GetParam().content);
    std::vector<std::string> fragments = GetParam().fragments;
    fragments.push_back("data");
    expect_refused(place,
                   {"eval", place.at("model.safetensors"), "--data", place.at("data"), "--json", place.at("json")}, 1,
                   fragments);
}

std::string labelled(const std::string& inputs, const std::string& labels) {
    return safetensors("{\"inputs\":{" + inputs + "},\"labels\":{" + labels + "}}", 32);
}
const std::string two_inputs = R"("dtype":"F32","shape":[2,2],"data_offsets":[0,16])";

const BadCase bad_data[] = {
    {"no_model", "nothing", {}},
    {"no_inputs", safetensors(R"({"labels":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}})"), {"called inputs"}},
    {"no_labels", safetensors("{\"inputs\":{" + two_inputs + "}}"), {"called labels"}},
    {"real_labels",
     labelled(two_inputs, R"("dtype":"F32","shape":[4],"data_offsets":[16,32])"),
     {"labels are F32 of shape [4]"}},
    {"labels_in_a_matrix",
     labelled(two_inputs, R"("dtype":"I64","shape":[2,1],"data_offsets":[16,32])"),
     {"labels are I64 of shape [2, 1]"}},
    {"too_few_labels",
     labelled(R"("dtype":"F32","shape":[4,1],"data_offsets":[0,16])",
              R"("dtype":"I64","shape":[2],"data_offsets":[16,32])"),
     {"2 labels for inputs of shape [4, 1]"}},
    {"no_sample",
     safetensors(R"({"inputs":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},)"
                 R"("labels":{"dtype":"I64","shape":[0],"data_offsets":[0,0]}})",
                 0),
     {"holds no sample"}},
};
INSTANTIATE_TEST_SUITE_P(Table, BadData, testing::ValuesIn(bad_data), name_of<BadCase>);

// --- command lines

struct BadCall {
    std::string name;
    std::vector<std::string> arguments;  ///< "@x" is the file x of the workplace
    int status;
    std::vector<std::string> fragments;
};
void PrintTo(const BadCall& bad, std::ostream* out) {
    *out << bad.name;
}

class BadCommandLine : public testing::TestWithParam<BadCall> {};

TEST_P(BadCommandLine, IsRefused) {
    const Workplace place;
    std::vector<std::string> arguments = GetParam().arguments;
    for (std::string& argument : arguments)
        if (argument.starts_with('@')) argument = place.at(argument.substr(1));
    expect_refused(place, arguments, GetParam().status, GetParam().fragments);
}

const BadCall bad_calls[] = {
    {"nothing", {}, 2, {"--help"}},
    {"unknown_command", {"prun"}, 2, {"no command prun (did you mean prune?)", "--help"}},
    {"option_for_another", {"prune", "@model.safetensors", "-o", "@out"}, 2, {"no option -o", "prune --help"}},
    {"unknown_option", {"inspect", "@model.safetensors", "--verbose"}, 2, {"--verbose", "inspect --help"}},
    {"inspect_nothing", {"inspect"}, 2, {"MODEL", "inspect --help"}},
    {"inspect_two", {"inspect", "@model.safetensors", "@model.safetensors"}, 2, {"inspect --help"}},
    {"no_recipe", {"prune", "@model.safetensors", "--out", "@out"}, 2, {"--recipe"}},
    {"no_out", {"prune", "@model.safetensors", "--recipe", "@half.yaml"}, 2, {"--out"}},
    {"empty_out", {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", ""}, 2, {"--out"}},
    {"out_twice",
     {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@a", "--out", "@b"},
     2,
     {"--out"}},
    {"out_without_value", {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out"}, 2, {"--out"}},
    {"unknown_format",
     {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@a", "--format", "onnx"},
     2,
     {"--format", "onnx not in {safetensors,"}},
    {"format_by_number",
     {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@a", "--format", "1"},
     2,
     {"--format"}},
    {"legacy_format",
     {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@a", "--format", "torch-legacy"},
     2,
     {"--format"}},
    {"unknown_device",
     {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@a", "--device", "tpu"},
     2,
     {"--device", "tpu"}},
    {"no_threads", {"--threads", "0", "sparsifiers"}, 2, {"--threads"}},
    {"word_threads", {"sparsifiers", "--threads", "many"}, 2, {"--threads"}},
    {"many_threads", {"sparsifiers", "--threads", "65"}, 2, {"--threads"}},
    {"no_data", {"eval", "@model.safetensors"}, 2, {"--data"}},
    {"model_missing", {"inspect", "@missing.pt"}, 1, {"missing.pt"}},
    {"model_is_a_folder", {"inspect", "@."}, 1, {}},
    {"model_is_a_device", {"inspect", "/dev/zero"}, 1, {"/dev/zero"}},
    {"recipe_missing",
     {"prune", "@model.safetensors", "--recipe", "@no.yaml", "--out", "@a"},
     1,
     {"no.yaml", "cannot be opened"}},
    {"recipe_is_a_folder", {"prune", "@model.safetensors", "--recipe", "@.", "--out", "@a"}, 1, {"is a folder"}},
    {"recipe_is_a_device", {"prune", "@model.safetensors", "--recipe", "/dev/zero", "--out", "@a"}, 1, {"/dev/zero"}},
    {"recipe_is_a_model",
     {"prune", "@model.safetensors", "--recipe", "@model.safetensors", "--out", "@a"},
     1,
     {"UTF-8"}},
    {"out_is_a_folder", {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@."}, 1, {"is a folder"}},
    {"out_folder_missing", {"prune", "@model.safetensors", "--recipe", "@half.yaml", "--out", "@no/a"}, 1, {"no"}},
    {"eval_of_weights", {"eval", "@model.safetensors", "--data", "@model.safetensors"}, 1, {"inputs"}},
    {"json_folder_missing", {"inspect", "@model.safetensors", "--json", "@no/a"}, 1, {"no"}},
};
INSTANTIATE_TEST_SUITE_P(Table, BadCommandLine, testing::ValuesIn(bad_calls), name_of<BadCall>);

}  // namespace
}  // namespace lacuna
