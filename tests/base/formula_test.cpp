#include "engine/base/formula.h"

#include <gmock/gmock.h>

#include <clocale>
#include <cmath>
#include <random>
#include <thread>

#include "tests/support/problem_of.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::problem_of;

double value(const std::string& text, double epoch) {
    return Formula(text, "epoch").at(epoch);
}
std::string problem(const std::string& text) {
    return problem_of([&] { Formula(text, "epoch"); });
}

TEST(Formula, GivesTheValueAtEachPlace) {
    Formula decay("0.95 ^ epoch", "epoch");
    for (int epoch = 0; epoch < 50; ++epoch) EXPECT_EQ(decay.at(epoch), std::pow(0.95, epoch));
    EXPECT_EQ(value("epoch < 5 ? 0.5 : 1", 4), 0.5);
    EXPECT_EQ(value("epoch < 5 ? 0.5 : 1", 5), 1);
    EXPECT_EQ(value("min(1, epoch / 4) * 2", 2), 1);
    EXPECT_EQ(value("floor(epoch / 30)", 59), 1) << "epoch // 30, as upstream's documentation has it";
    EXPECT_EQ(value("ceil(epoch / 30)", 31), 2);
    EXPECT_EQ(value("1e-3 * epoch", 2), 0.002);
    EXPECT_DOUBLE_EQ(value("(1 - cos(_pi * epoch / 8)) / 2", 4), 0.5);
    EXPECT_TRUE(std::isinf(value("1 / epoch", 0)));
    EXPECT_TRUE(std::isnan(value("sqrt(-epoch)", 1)));
}

TEST(Formula, ErrorsNameTheColumn) {
    EXPECT_THAT(problem("0.95 ^ epcoh"),
                HasSubstr("\"0.95 ^ epcoh\": column 8: \"epcoh\" is not known; give a formula in epoch"));
    EXPECT_THAT(problem("1 +"), HasSubstr("column 4: the formula ends where something is missing"));
    EXPECT_THAT(problem(""), HasSubstr("column 1: the formula ends where something is missing"));
    EXPECT_THAT(problem("(1 + epoch"), HasSubstr("column 11: a bracket is not closed"));
    EXPECT_THAT(problem("2 3"), HasSubstr("column 3: \"3\" does not belong there"));
    EXPECT_THAT(problem("sqrt(1, 2)"), HasSubstr("\"sqrt\" has too many values"));
    EXPECT_THAT(problem("epoch ? 1"), HasSubstr("a ? has no :"));
    EXPECT_THAT(problem("1, 2"), HasSubstr("gives 2 numbers, not one"));
    EXPECT_THAT(problem("\"text\""), HasSubstr("text is no number"));
    EXPECT_THAT(problem(std::string(1001, '1')), HasSubstr("is longer than 1000 characters"));
}

TEST(Formula, NothingIsAssigned) {
    EXPECT_THAT(problem("epoch = 5"), HasSubstr("column 7: \"=\" does not belong there"));
    EXPECT_THAT(problem("1 + (epoch = 5)"), HasSubstr("does not belong there"));
    EXPECT_THAT(problem("_pi = 3"), HasSubstr("does not belong there"));
    EXPECT_EQ(value("epoch == 5", 5), 1);
}

TEST(Formula, ThePointIsADecimalPointInEveryLanguage) {
    const std::string before = std::setlocale(LC_ALL, nullptr);
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", ""}) std::setlocale(LC_ALL, name);
    EXPECT_EQ(value("0.5 + epoch", 1), 1.5);
    std::setlocale(LC_ALL, before.c_str());
}

TEST(Formula, ThreadsHaveTheirOwn) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([i] {
            for (int round = 0; round < 200; ++round) ASSERT_EQ(value("epoch * 2 + min(1, epoch)", i + 1), 2 * i + 3);
        });
    for (std::thread& one : threads) one.join();
}

/// Pieces of formulas thrown together: each is computed or refused in words.
TEST(Formula, AnyTextIsAFormulaOrAnError) {
    const char* const pieces[] = {
        "epoch", "1",  "0.5",      "1e999", "+",   "-",      "*",    "/",  "^",    "(", ")",  "?",
        ":",     ",",  "min(",     "sum(",  "=",   "==",     "&&",   "||", "<",    "!", "\"", "if",
        "_pi",   "\n", "\xc3\xa9", "#",     "sin", "floor(", "avg(", " ",  "0x1f", "."};
    std::mt19937 random(5);
    int computed = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        for (int length = 1 + int(random() % 9); length > 0; --length) text += pieces[random() % std::size(pieces)];
        const std::string said = problem_of([&] {
            Formula(text, "epoch").at(3);
            ++computed;
        });
        EXPECT_TRUE(said.empty() || said.find("give a formula in epoch") != std::string::npos) << text << ": " << said;
    }
    EXPECT_GT(computed, 200);
}

}  // namespace
}  // namespace lacuna
