#include "engine/sparsifiers/sparsifier.h"

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/nearest.h"
#include "engine/sparsifiers/registry.h"

namespace lacuna {
namespace {

const std::vector<const Sparsifier*>& sorted_sparsifiers() {
    static const auto all = [] {
        auto list = listed_sparsifiers();
        std::sort(list.begin(), list.end(), [](const auto* a, const auto* b) { return a->name() < b->name(); });
        return list;
    }();
    return all;
}

}  // namespace

const OptionSpec* Sparsifier::find_option(std::string_view name) const {
    const auto specs = options();
    const auto found = std::find_if(specs.begin(), specs.end(), [&](const auto& spec) { return spec.name == name; });
    return found == specs.end() ? nullptr : &*found;
}

Options Sparsifier::complete(const Options& given) const {
    return completed(options(), given, "sparsifier " + std::string(name()));
}

std::vector<Mask> Sparsifier::compute_all(std::span<const MaskRequest> unit) const {
    std::vector<Mask> masks;
    masks.reserve(unit.size());
    for (const MaskRequest& request : unit) masks.push_back(compute(request));
    return masks;
}

std::unique_ptr<JointCut> Sparsifier::find_cut(std::span<const MaskRequest>, Progress&, const TensorsLeft&) const {
    throw Error(ErrorKind::argument, std::string(name()), "has no cut that its tensors share", "ask has_cut first");
}

std::optional<ThresholdCurve> Sparsifier::unit_thresholds(std::span<const MaskRequest> unit) const {
    return unit.size() == 1 ? thresholds(unit.front()) : std::nullopt;
}

std::optional<double> Sparsifier::number(const Options& options, std::string_view name) const {
    const OptionSpec* spec = find_option(name);
    const bool numeric = spec && (spec->type == OptionType::number || spec->type == OptionType::integer);
    if (!numeric || !options.has(name)) return std::nullopt;
    return options.number(name);
}

void Sparsifier::set_number(Options& options, const std::string& name, double value) const {
    const OptionSpec* spec = find_option(name);
    if (!spec || !number(options, name))
        throw Error(ErrorKind::argument, name,
                    "sparsifier " + std::string(this->name()) + " has no number of that name",
                    "name one of its numeric options");
    Options changed = options;
    changed.set(name, checked(without_range(*spec), value));
    check(changed, nullptr);
    options = std::move(changed);
}

std::span<const Sparsifier* const> sparsifiers() {
    return sorted_sparsifiers();
}

const Sparsifier& sparsifier(std::string_view name) {
    std::vector<std::string> known;
    for (const Sparsifier* one : sparsifiers()) {
        if (one->name() == name) return *one;
        known.emplace_back(one->name());
    }
    throw Error(ErrorKind::argument, "sparsifier", "there is none called \"" + std::string(name) + "\"",
                suggestion(name, known));
}

double ThresholdCurve::threshold_at(double level) const {
    if (magnitude.empty()) return 0;
    const double place = std::clamp(level, 0.0, 1.0) * double(magnitude.size() - 1);
    const auto left = size_t(place);
    if (left + 1 >= magnitude.size()) return magnitude.back();
    return std::lerp(magnitude[left], magnitude[left + 1], place - double(left));
}

double ThresholdCurve::level_at(double threshold) const {
    if (magnitude.size() < 2 || threshold <= magnitude.front()) return 0;
    if (threshold >= magnitude.back()) return 1;
    const auto right = size_t(std::upper_bound(magnitude.begin(), magnitude.end(), threshold) - magnitude.begin());
    const double low = magnitude[right - 1], high = magnitude[right];
    return (double(right - 1) + (threshold - low) / (high - low)) / double(magnitude.size() - 1);
}

}  // namespace lacuna
