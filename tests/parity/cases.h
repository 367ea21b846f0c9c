#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/sparsifiers/custom_norm.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::parity {

/// A mask from packed bytes, eight weights a byte, lowest bit first.
inline Mask unpacked(const TensorView& packed, const Shape& shape) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(packed.data);
    Mask mask = Mask::zeros(shape);
    for (int64_t i = 0; i < mask.size(); ++i) mask.set(i, bytes[i / 8] >> (i % 8) & 1);
    return mask;
}

/// weight_norm with a norm of one's own; the same as cases.py's by name.
inline const Sparsifier& with_norm(const std::string& name) {
    const auto elementwise = [](float (*norm)(float)) {
        return make_weight_norm([norm](std::span<const float> weights, std::span<float> scores) {
            for (size_t i = 0; i < weights.size(); ++i) scores[i] = norm(weights[i]);
        });
    };
    static const std::map<std::string, std::shared_ptr<const Sparsifier>> all{
        {"cube", elementwise([](float x) { return x * x * x; })},
        {"negated", elementwise([](float x) { return -x; })},
        {"shifted", elementwise([](float x) { return std::abs(x) - 1; })}};
    return *all.at(name);
}

/// A case of a file that cases.py wrote: a rule, and steps on weights and options that may change in between. Tensors
/// are called CASE.TENSOR.STEP.weight (and .squares, what a calibration saw); what a step lacks is the step's before.
class Case {
  public:
    Case(CheckpointPtr file, std::string name)
        : file_(std::move(file)),
          name_(std::move(name)),
          text_(file_->metadata().at(name_)),
          json_(nlohmann::json::parse(text_)),
          rule_(json_.contains("function") ? with_norm(json_["function"].get<std::string>())
                                           : sparsifier(json_["rule"].get<std::string>())) {}

    const std::string& name() const { return name_; }
    const std::string& text() const { return text_; }
    size_t tensors() const { return json_["tensors"]; }
    size_t steps() const { return json_["steps"].size(); }

    /// What one step gave: a mask a tensor, or nothing where the rule refused.
    using Outcome = std::vector<Mask>;

    /// Takes all steps. After a refusal the masks are what they were.
    std::vector<Outcome> run(Ties ties) const {
        std::vector<Outcome> outcomes;
        Outcome current;
        for (size_t i = 0; i < tensors(); ++i) current.push_back(Mask::ones(tensor(i, 0, "weight")->shape));
        nlohmann::json options = json_["options"];
        for (size_t step = 0; step < steps(); ++step) {
            options.update(json_["steps"][step]);
            outcomes.push_back(taken(step, options, ties, current));
            if (!outcomes.back().empty()) current = outcomes.back();
        }
        return outcomes;
    }

    /// The masks that the file holds for a step, or nothing.
    Outcome expected(size_t step, const std::string& kind) const {
        Outcome masks;
        for (size_t i = 0; i < tensors(); ++i) {
            const auto index = file_->find(named(i, step, kind));
            if (!index) return {};
            masks.push_back(unpacked(file_->view(*index), tensor(i, step, "weight")->shape));
        }
        return masks;
    }

  private:
    std::string named(size_t tensor, size_t step, const std::string& kind) const {
        return name_ + "." + std::to_string(tensor) + "." + std::to_string(step) + "." + kind;
    }

    std::optional<TensorView> tensor(size_t index, size_t step, const std::string& kind) const {
        for (size_t s = step + 1; s-- > 0;)
            if (const auto found = file_->find(named(index, s, kind))) return file_->view(*found);
        return std::nullopt;
    }

    /// As a recipe gives them; the level as a scheduler does, which may go past 0…1. Throws Error(argument).
    Options complete(const nlohmann::json& values) const {
        const std::string level = "sparsity_level";
        Options options;
        for (const auto& [name, value] : values.items())
            if (value.is_array())
                options.set(name, value.get<std::vector<int64_t>>());
            else if (value.is_string())
                options.set(name, value.get<std::string>());
            else if (name != level)
                options.set(name, value.get<int64_t>());
        options = rule_.complete(options);
        if (values.contains(level)) rule_.set_number(options, level, values[level].get<double>());
        return options;
    }

    Outcome taken(size_t step, const nlohmann::json& values, Ties ties, const Outcome& current) const try {
        const Options options = complete(values);
        std::vector<Activations> seen(tensors());
        std::vector<MaskRequest> unit;
        for (size_t i = 0; i < tensors(); ++i) {
            if (const auto squares = tensor(i, step, "squares")) {
                seen[i].squares.resize(size_t(squares->elements()));
                read_as_double(*squares, 0, squares->elements(), seen[i].squares.data());
                seen[i].weight_dim = json_["along"];
            }
            unit.push_back({.weight = *tensor(i, step, "weight"),
                            .current = &current[i],
                            .options = &options,
                            .ties = ties,
                            .name = name_,
                            .activations = seen[i].squares.empty() ? nullptr : &seen[i]});
        }
        rule_.check(options, &unit.front().weight.shape);
        return rule_.compute_all(unit);
    } catch (const Error&) {
        return {};
    }

    CheckpointPtr file_;
    std::string name_, text_;
    nlohmann::json json_;
    const Sparsifier& rule_;
};

}  // namespace lacuna::parity
