#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lacuna {

enum class OptionType { number, integer, boolean, choice, block_shape, formula };

/// A value of an option; a choice or formula is its string, a block shape its two sides.
using OptionValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

/// One option of a sparsifier (or scheduler), declared once: the recipe reader's checks, the window's form,
/// `lacuna-cli sparsifiers` and the docs all come from this.
struct OptionSpec {
    std::string name;  ///< as in a recipe: torch.ao.pruning's name where it has one
    OptionType type = OptionType::number;
    std::string help;  ///< one line
    /// What holds if it is left out; nothing means `default_text`, worked out from the other options.
    std::optional<OptionValue> default_value;
    std::string default_text;                   ///< e.g. "the whole block"; only where default_value is empty
    double minimum = 0, maximum = 0;            ///< number and integer, both inclusive; block shapes: of each side
    double soft_minimum = 0, soft_maximum = 0;  ///< what a slider spans; equal: take minimum and maximum
    std::vector<std::string>
        choices;           ///< for OptionType::choice; recipes may also write a choice such as 2 as a number
    std::string variable;  ///< for OptionType::formula: what it is a formula in (engine/base/formula.h)
};

/// Values by option name, already checked against the specs. Left-out options are absent.
class Options {
  public:
    bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
    void set(std::string name, OptionValue value) { values_[std::move(name)] = std::move(value); }
    void erase(std::string_view name);
    const std::map<std::string, OptionValue, std::less<>>& values() const { return values_; }

    /// The value of an option that is there; programmer error (std::logic_error) if absent or of another type.
    double number(std::string_view name) const;  ///< number or integer
    int64_t integer(std::string_view name) const;
    bool boolean(std::string_view name) const;
    const std::string& choice(std::string_view name) const;  ///< choice or formula
    const std::vector<int64_t>& block(std::string_view name) const;

    auto operator<=>(const Options&) const = default;

  private:
    std::map<std::string, OptionValue, std::less<>> values_;
};

/// Checks one value against its spec and brings it to the spec's type (2 → "2" for a choice, 1 → 1.0 for a number).
/// Throws Error(argument) with where = option's name: "0.5 is not a whole number", "7 is not between 0 and 1".
OptionValue checked(const OptionSpec& spec, const OptionValue& value);
/// A value as a command line gives it: "0.5", "true", "l2", "1x4" or "1,4", checked as above. Throws Error(argument).
OptionValue parsed(const OptionSpec& spec, std::string_view text);
/// `given` checked against `specs`, with left-out options filled in where they have a default. `owner` says in errors
/// whose options they are ("sparsifier weight_norm"). Throws Error(argument), also for an option without a spec (naming
/// the nearest).
Options completed(std::span<const OptionSpec> specs, const Options& given, const std::string& owner);
/// The spec of a number without its range, for programs that go past what recipes keep to; other types keep theirs.
OptionSpec without_range(OptionSpec spec);
/// A value as a recipe writes it: "0.5", "[1, 4]", "l2".
std::string to_string(const OptionValue& value);

}  // namespace lacuna
