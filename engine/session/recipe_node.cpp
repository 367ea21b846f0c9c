#include "engine/session/recipe_node.h"

#include <yaml-cpp/eventhandler.h>

#include <cctype>
#include <charconv>
#include <limits>
#include <optional>
#include <sstream>

#include "engine/session/recipe_text.h"

namespace lacuna {
namespace {

std::string in_quotes(const std::string& text) {
    return "\"" + shortened(text) + "\"";
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    for (const std::string_view one : words)
        if (word == one) return true;
    return false;
}

/// A number as YAML writes them in decimal; nothing for every other text, "inf" and "nan" without a dot included.
std::optional<OptionValue> number_of(std::string_view text) {
    const double sign = text.starts_with('-') ? -1 : 1;
    if (text.starts_with('+')) text.remove_prefix(1);
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (is_one_of(digits, {".inf", ".Inf", ".INF"})) return sign * std::numeric_limits<double>::infinity();
    if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
    if (digits.empty() || !(std::isdigit(static_cast<unsigned char>(digits[0])) || digits[0] == '.')) return {};
    const char* end = text.data() + text.size();
    int64_t whole = 0;
    if (const auto read = std::from_chars(text.data(), end, whole); read.ptr == end && read.ec == std::errc())
        return whole;
    double real = 0;
    const auto read = std::from_chars(text.data(), end, real);
    if (read.ptr != end || read.ec == std::errc::invalid_argument) return {};
    if (read.ec == std::errc::result_out_of_range) return sign * std::numeric_limits<double>::infinity();
    return real;
}

struct TooManyNodes {};

/// Passes over a document, keeps the place where it begins and counts what is in it.
class DocumentPass final : public YAML::EventHandler {
  public:
    explicit DocumentPass(size_t most_nodes) : most_nodes_(most_nodes) {}
    int line = 0;
    size_t nodes = 0;

    void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line + 1; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override { count(); }
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override { count(); }
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override { count(); }
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
        count();
    }
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
        count();
    }
    void OnMapEnd() override {}

  private:
    void count() {
        if (++nodes > most_nodes_) throw TooManyNodes();
    }
    const size_t most_nodes_;
};

}  // namespace

YamlShape shape_of(const std::string& text, size_t most_nodes) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentPass first(most_nodes), second(most_nodes);
    try {
        if (parser.HandleNextDocument(first)) parser.HandleNextDocument(second);
    } catch (const TooManyNodes&) {
        return {true, {second.line}};
    }
    return {false, {second.line}};
}

RecipePlace place_of(const YAML::Node& node) {
    return {node.Mark().is_null() ? 0 : node.Mark().line + 1};
}

std::string kind_of(const YAML::Node& node) {
    switch (node.Type()) {
        case YAML::NodeType::Map:
            return "a mapping";
        case YAML::NodeType::Sequence:
            return "a list";
        case YAML::NodeType::Scalar:
            return in_quotes(node.Scalar());
        default:
            return "empty";
    }
}

OptionValue scalar_value(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() != "?") return text;
    if (is_one_of(text, {"true", "True", "TRUE"})) return true;
    if (is_one_of(text, {"false", "False", "FALSE"})) return false;
    return number_of(text).value_or(text);
}

OptionValue option_value(const YAML::Node& node, OptionType type) {
    if (node.IsScalar()) {
        OptionValue value = scalar_value(node);
        if (const auto* text = std::get_if<std::string>(&value);
            text && type != OptionType::choice && type != OptionType::formula)
            return in_quotes(*text);  // so that a message shows that it was text
        return value;
    }
    if (!node.IsSequence()) return std::string(node.IsMap() ? "a mapping" : "an empty value");
    std::vector<int64_t> sides;
    for (const auto& item : node) {
        const OptionValue side = item.IsScalar() ? scalar_value(item) : OptionValue(std::string());
        if (!std::holds_alternative<int64_t>(side)) return "a list that holds " + kind_of(item);
        sides.push_back(std::get<int64_t>(side));
    }
    return sides;
}

}  // namespace lacuna
