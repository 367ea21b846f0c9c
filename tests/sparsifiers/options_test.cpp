#include "engine/sparsifiers/options.h"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "engine/base/error.h"
#include "engine/base/nearest.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Sides = std::vector<int64_t>;

const OptionSpec level{.name = "level", .type = OptionType::number, .help = "a share", .minimum = 0, .maximum = 1};
const OptionSpec count{.name = "count", .type = OptionType::integer, .help = "a count", .minimum = -2, .maximum = 9};
const OptionSpec flag{.name = "flag", .type = OptionType::boolean, .help = "a flag"};
const OptionSpec norm{.name = "norm", .type = OptionType::choice, .help = "a norm", .choices = {"1", "2", "l2"}};
const OptionSpec block{
    .name = "block", .type = OptionType::block_shape, .help = "a block", .minimum = 1, .maximum = 64};

/// The message for a value that is refused; its `where` is the option's name.
std::string refusal(const OptionSpec& spec, const OptionValue& value) {
    try {
        checked(spec, value);
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::argument);
        EXPECT_EQ(error.where(), spec.name);
        EXPECT_FALSE(error.hint().empty());
        return error.what();
    }
    return "accepted";
}

TEST(Options, NumbersTakeWholeNumbersToo) {
    EXPECT_EQ(checked(level, 0.25), OptionValue(0.25));
    EXPECT_EQ(checked(level, int64_t(1)), OptionValue(1.0));
    EXPECT_THAT(refusal(level, 1.5), HasSubstr("1.5 is not between 0 and 1"));
    EXPECT_THAT(refusal(level, -0.1), HasSubstr("-0.1 is not between 0 and 1"));
    EXPECT_THAT(refusal(level, std::numeric_limits<double>::quiet_NaN()), HasSubstr("not finite"));
    EXPECT_THAT(refusal(level, std::numeric_limits<double>::infinity()), HasSubstr("not finite"));
    EXPECT_THAT(refusal(level, std::string("half")), HasSubstr("half is not a number"));
    EXPECT_THAT(refusal(level, true), HasSubstr("true is not a number"));
    EXPECT_THAT(refusal(level, Sides{1, 2}), HasSubstr("[1, 2] is not a number"));
}

TEST(Options, FormulasAreTextAndNumbersAreFormulas) {
    const OptionSpec factor{.name = "factor", .type = OptionType::formula, .help = "a factor", .variable = "t"};
    EXPECT_EQ(checked(factor, std::string("0.5 ^ t")), OptionValue(std::string("0.5 ^ t")));
    EXPECT_EQ(checked(factor, 0.25), OptionValue(std::string("0.25")));
    EXPECT_EQ(parsed(factor, "2 * t"), OptionValue(std::string("2 * t")));
    EXPECT_THAT(refusal(factor, std::string("2 * u")), HasSubstr("column 5: \"u\" is not known; give a formula in t"));
    EXPECT_THAT(refusal(factor, true), HasSubstr("true is no formula"));
    EXPECT_THAT(refusal(factor, Sides{1, 2}), HasSubstr("[1, 2] is no formula"));
}

TEST(Options, WholeNumbers) {
    EXPECT_EQ(checked(count, int64_t(9)), OptionValue(int64_t(9)));
    EXPECT_EQ(checked(count, -2.0), OptionValue(int64_t(-2)));
    EXPECT_THAT(refusal(count, 0.5), HasSubstr("0.5 is not a whole number"));
    EXPECT_THAT(refusal(count, 1e300), HasSubstr("is not a whole number"));
    EXPECT_THAT(refusal(count, std::numeric_limits<double>::infinity()), HasSubstr("is not a whole number"));
    EXPECT_THAT(refusal(count, int64_t(10)), HasSubstr("10 is not between -2 and 9"));
    EXPECT_THAT(refusal(count, std::string("3")), HasSubstr("3 is not a whole number"));
}

TEST(Options, Flags) {
    EXPECT_EQ(checked(flag, true), OptionValue(true));
    EXPECT_THAT(refusal(flag, int64_t(1)), HasSubstr("1 is neither true nor false"));
}

TEST(Options, ChoicesMayBeWrittenAsNumbers) {
    EXPECT_EQ(checked(norm, std::string("l2")), OptionValue(std::string("l2")));
    EXPECT_EQ(checked(norm, int64_t(2)), OptionValue(std::string("2")));
    EXPECT_EQ(checked(norm, 1.0), OptionValue(std::string("1")));
    EXPECT_THAT(refusal(norm, int64_t(3)), AllOf(HasSubstr("3 is not one of"), HasSubstr("1, 2, l2")));
    EXPECT_THAT(refusal(norm, std::string("L1")), HasSubstr("1, 2, l2"));
}

TEST(Options, BlocksAreTwoPositiveWholeNumbers) {
    EXPECT_EQ(checked(block, Sides{1, 64}), OptionValue(Sides{1, 64}));
    for (const Sides& sides : {Sides{}, Sides{4}, Sides{1, 2, 3}})
        EXPECT_THAT(refusal(block, sides), HasSubstr("is not a pair of whole numbers"));
    for (const Sides& sides : {Sides{0, 4}, Sides{1, -4}, Sides{65, 1}})
        EXPECT_THAT(refusal(block, sides), HasSubstr("side that is not between 1 and 64"));
    EXPECT_THAT(refusal(block, int64_t(4)), HasSubstr("4 is not a pair"));
}

TEST(Options, ValuesAsRecipesWriteThem) {
    EXPECT_EQ(to_string(OptionValue(0.5)), "0.5");
    EXPECT_EQ(to_string(OptionValue(0.1)), "0.1");
    EXPECT_EQ(to_string(OptionValue(1.0)), "1");
    EXPECT_EQ(to_string(OptionValue(int64_t(-3))), "-3");
    EXPECT_EQ(to_string(OptionValue(true)), "true");
    EXPECT_EQ(to_string(OptionValue(Sides{1, 4})), "[1, 4]");
    EXPECT_EQ(to_string(OptionValue(std::string("l2"))), "l2");
}

TEST(Options, AskingForWhatIsNotThereIsAProgrammersError) {
    Options options;
    options.set("count", int64_t(3));
    EXPECT_EQ(options.number("count"), 3);
    EXPECT_EQ(options.integer("count"), 3);
    EXPECT_THROW(options.boolean("count"), std::logic_error);
    EXPECT_THROW(options.number("level"), std::logic_error);
    options.erase("count");
    options.erase("count");
    EXPECT_FALSE(options.has("count"));
}

TEST(Nearest, FindsWhatWasMeant) {
    const std::vector<std::string> known{"nearliness", "norm", "sparsity_level", "zeros_per_block"};
    EXPECT_EQ(nearest("sparsity_levl", known), "sparsity_level");
    EXPECT_EQ(nearest("sparsitylevel", known), "sparsity_level");
    EXPECT_EQ(nearest("nrom", known), "");  // two edits of four letters are too many
    EXPECT_EQ(nearest("norn", known), "norm");
    EXPECT_EQ(nearest("zzz", known), "");
    EXPECT_EQ(nearest(std::string(100000, 'a'), known), "");
}

TEST(Registry, ListsEverySparsifierByName) {
    std::vector<std::string_view> names;
    for (const Sparsifier* one : sparsifiers()) {
        names.push_back(one->name());
        EXPECT_EQ(&sparsifier(one->name()), one);
        EXPECT_FALSE(one->title().empty() || one->help().empty() || one->source().empty());
        for (const OptionSpec& spec : one->options()) {
            EXPECT_EQ(one->find_option(spec.name), &spec);
            EXPECT_FALSE(spec.help.empty()) << spec.name;
            EXPECT_NE(spec.default_value.has_value(), !spec.default_text.empty()) << spec.name;
            if (!spec.default_value) continue;
            EXPECT_EQ(checked(spec, *spec.default_value), *spec.default_value) << spec.name;
        }
        const Options defaults = one->complete({});
        EXPECT_EQ(defaults.values().size(), one->options().size());  // nothing is left open
        EXPECT_NO_THROW(one->check(defaults, nullptr));
    }
    EXPECT_THAT(names, ::testing::IsSupersetOf({"nearly_diagonal", "weight_norm"}));
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(Registry, UnknownNamesGetASuggestion) {
    try {
        sparsifier("weigth_norm");
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("\"weigth_norm\""), HasSubstr("did you mean weight_norm?"),
                                        HasSubstr("nearly_diagonal")));
    }
    Options options;
    options.set("sparsity_levle", 0.5);
    try {
        sparsifier("weight_norm").complete(options);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.where(), "sparsity_levle");
        EXPECT_THAT(error.what(), HasSubstr("did you mean sparsity_level?"));
    }
}

TEST(ThresholdCurve, AndItsInverse) {
    const ThresholdCurve curve{{0, 1, 1, 3, 7}};
    EXPECT_DOUBLE_EQ(curve.threshold_at(0), 0);
    EXPECT_DOUBLE_EQ(curve.threshold_at(0.125), 0.5);
    EXPECT_DOUBLE_EQ(curve.threshold_at(0.375), 1);
    EXPECT_DOUBLE_EQ(curve.threshold_at(2), 7);
    EXPECT_DOUBLE_EQ(curve.threshold_at(-1), 0);
    EXPECT_DOUBLE_EQ(curve.level_at(0.5), 0.125);
    EXPECT_DOUBLE_EQ(curve.level_at(5), 0.875);
    EXPECT_DOUBLE_EQ(curve.level_at(-1), 0);
    EXPECT_DOUBLE_EQ(curve.level_at(100), 1);
    for (double at = 0; at <= 1; at += 0.05)
        EXPECT_NEAR(curve.threshold_at(curve.level_at(curve.threshold_at(at))), curve.threshold_at(at), 1e-12);
}

}  // namespace
}  // namespace lacuna
