#include "engine/model/conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "engine/base/error.h"

namespace lacuna {
namespace {

using testing::HasSubstr;

TEST(Conversions, describe_themselves) {
    std::set<std::string> names;
    for (const Conversion* one : conversions()) {
        EXPECT_TRUE(names.insert(one->name).second) << one->name << " is there twice";
        EXPECT_EQ(&conversion(one->name), one);
        EXPECT_FALSE(one->title.empty() || one->help.empty()) << one->name;
        for (const OptionSpec& spec : one->options) EXPECT_FALSE(spec.help.empty()) << one->name << " " << spec.name;
        EXPECT_NO_THROW(completed(one->options, {}, one->name)) << one->name;
    }
}

TEST(Conversions, unknown_names_are_refused) {
    try {
        conversion("smalller");
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::argument);
        EXPECT_THAT(error.what(), HasSubstr("smalller"));
    }
}

TEST(Conversions, report_as_json) {
    ConversionReport report;
    report.parameters_before = 100;
    report.parameters_after = 40;
    report.rows = {{"fc.weight", {10, 10}, {4, 10}, "6 rows left out"}};
    report.largest_difference = 0.25;
    const std::string json = to_json(report, "smaller");
    EXPECT_THAT(json, HasSubstr("\"conversion\": \"smaller\""));
    EXPECT_THAT(json, HasSubstr("\"parameters_after\": 40"));
    EXPECT_THAT(json, HasSubstr("6 rows left out"));
    EXPECT_THAT(json, HasSubstr("\"largest_difference\": 0.25"));
}

TEST(ParsedOptions, take_what_a_command_line_gives) {
    const auto spec = [](OptionType type, std::vector<std::string> choices = {}) {
        return OptionSpec{.name = "x", .type = type, .minimum = 0, .maximum = 10, .choices = std::move(choices)};
    };
    EXPECT_EQ(parsed(spec(OptionType::number), "0.5"), OptionValue(0.5));
    EXPECT_EQ(parsed(spec(OptionType::number), "2"), OptionValue(2.0));
    EXPECT_EQ(parsed(spec(OptionType::integer), "7"), OptionValue(int64_t(7)));
    EXPECT_EQ(parsed(spec(OptionType::boolean), "true"), OptionValue(true));
    EXPECT_EQ(parsed(spec(OptionType::choice, {"1", "2"}), "2"), OptionValue(std::string("2")));
    for (const char* block : {"1x4", "1,4", "[1, 4]"})
        EXPECT_EQ(parsed(spec(OptionType::block_shape), block), OptionValue(std::vector<int64_t>{1, 4})) << block;
    for (const auto& [type, text] : std::vector<std::pair<OptionType, const char*>>{{OptionType::number, "half"},
                                                                                    {OptionType::number, "11"},
                                                                                    {OptionType::integer, "1.5"},
                                                                                    {OptionType::integer, ""},
                                                                                    {OptionType::boolean, "1"},
                                                                                    {OptionType::choice, "3"},
                                                                                    {OptionType::block_shape, "4"},
                                                                                    {OptionType::block_shape, "1x"},
                                                                                    {OptionType::block_shape, "1x4x"}})
        EXPECT_THROW(parsed(spec(type, {"1", "2"}), text), Error) << text;
}

}  // namespace
}  // namespace lacuna
