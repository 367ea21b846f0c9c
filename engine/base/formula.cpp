#include "engine/base/formula.h"

#include <muParser.h>

#include <cmath>
#include <numbers>

#include "engine/base/error.h"

namespace lacuna {
namespace {

constexpr size_t longest = 1000;  // characters

[[noreturn]] void refuse(const std::string& text, const std::string& variable, const std::string& what) {
    constexpr size_t shown = 60;
    const std::string head = text.size() > shown ? text.substr(0, shown) + "…" : text;
    throw Error(ErrorKind::argument, "", "\"" + head + "\": " + what,
                "give a formula in " + variable + ", such as 0.95 ^ " + variable);
}

std::string in_words(const mu::ParserError& error) {
    const std::string token = error.GetToken().empty() ? "it" : "\"" + error.GetToken() + "\"";
    switch (error.GetCode()) {
        case mu::ecUNASSIGNABLE_TOKEN:
            return token + " is not known";
        case mu::ecUNEXPECTED_EOF:
        case mu::ecEMPTY_EXPRESSION:
            return "the formula ends where something is missing";
        case mu::ecMISSING_PARENS:
            return "a bracket is not closed";
        case mu::ecTOO_MANY_PARAMS:
            return token + " has too many values";
        case mu::ecTOO_FEW_PARAMS:
            return token + " has too few values";
        case mu::ecMISSING_ELSE_CLAUSE:
            return "a ? has no :";
        case mu::ecSTR_RESULT:
        case mu::ecUNEXPECTED_STR:
        case mu::ecUNTERMINATED_STRING:
            return "text is no number";
        case mu::ecINVALID_CHARACTERS_FOUND:
            return "a character cannot be read";
        default:
            return token + " does not belong there";
    }
}

/// muParser counts from 0, and to the end of what it has read where it gives no place.
std::string in_column(const mu::ParserError& error, const std::string& text) {
    const auto place = error.GetPos() < 0 ? text.size() : std::min(size_t(error.GetPos()), text.size());
    return "column " + std::to_string(place + 1) + ": ";
}

}  // namespace

struct Formula::Parser {
    mu::Parser parser;
    double variable = 0;

    explicit Parser(const std::string& text) {
        parser.DefineFun("floor", [](double value) { return std::floor(value); });
        parser.DefineFun("ceil", [](double value) { return std::ceil(value); });
        parser.DefineConst("_pi", std::numbers::pi);  // muParser's own is right to 12 digits
        parser.SetExpr(text);
    }
};

Formula::Formula(const std::string& text, const std::string& variable) {
    if (text.size() > longest) refuse(text, variable, "is longer than " + std::to_string(longest) + " characters");
    try {
        // Nothing can be assigned to a constant, so that the syntax is checked with one in the variable's place.
        Parser checked(text);
        checked.parser.DefineConst(variable, 1);
        checked.parser.Eval();
        if (checked.parser.GetNumResults() != 1)
            refuse(text, variable, "gives " + std::to_string(checked.parser.GetNumResults()) + " numbers, not one");
        parser_ = std::make_unique<Parser>(text);
        parser_->parser.DefineVar(variable, &parser_->variable);
        parser_->parser.Eval();
    } catch (const mu::ParserError& error) {
        refuse(text, variable, in_column(error, text) + in_words(error));
    }
}

Formula::~Formula() = default;

double Formula::at(double value) {
    parser_->variable = value;
    return parser_->parser.Eval();
}

}  // namespace lacuna
