#pragma once

#include <memory>
#include <string>

namespace lacuna {

/// A formula in one variable, as recipes and the window give it: "0.95 ^ epoch". Read by muParser: numbers with a
/// point, + - * / ^, comparisons, && and ||, a ? b : c, _pi, _e, min, max, abs, sign, floor, ceil, rint, sqrt, exp, ln,
/// log10, sin and their like. A value: nothing is assigned, stored or called outside. Not thread-safe.
class Formula {
  public:
    /// Throws Error(argument), where empty, that says what is wrong and in which column of the text, from 1.
    Formula(const std::string& text, const std::string& variable);
    ~Formula();

    /// The formula's value; whatever floating-point arithmetic makes of it, infinities and NaN included.
    double at(double value);

  private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

}  // namespace lacuna
