#include "engine/torch/structured/units.h"

#include <algorithm>

namespace lacuna::structured {

Unit Units::add() {
    nodes_.push_back({Unit(nodes_.size()), false, {}});
    return nodes_.back().parent;
}

size_t Units::root(Unit unit) const {
    auto at = size_t(unit);
    while (nodes_[at].parent != Unit(at)) {
        nodes_[at].parent = nodes_[size_t(nodes_[at].parent)].parent;
        at = size_t(nodes_[at].parent);
    }
    return at;
}

void Units::join(Unit a, Unit b, const std::string& why) {
    if (a == b) return;
    if (a == fixed || b == fixed) return keep(a == fixed ? b : a, why);
    const size_t first = root(a), second = root(b);
    if (first == second) return;
    const bool kept = nodes_[first].kept || nodes_[second].kept;
    nodes_[second].parent = Unit(first);
    nodes_[first].kept = kept;
    if (nodes_[first].why.empty()) nodes_[first].why = nodes_[second].why;
}

void Units::join(const std::vector<Unit>& a, const std::vector<Unit>& b, const std::string& why) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) join(a[i], b[i], why);
}

void Units::keep(Unit unit, const std::string& why) {
    if (unit == fixed) return;
    Node& node = nodes_[root(unit)];
    node.kept = true;
    if (node.why.empty()) node.why = why;
}

void Units::keep(const std::vector<Unit>& units, const std::string& why) {
    for (const Unit unit : units) keep(unit, why);
}

std::vector<int64_t> Units::staying(const std::vector<Unit>& units) const {
    std::vector<int64_t> places;
    for (size_t i = 0; i < units.size(); ++i)
        if (!leaves(units[i])) places.push_back(int64_t(i));
    return places;
}

}  // namespace lacuna::structured
