#include "engine/formats/pickle_graph.h"

namespace lacuna {

PickleGraph::PickleGraph() {
    nodes_.emplace_back();
}

PickleId PickleGraph::add(PickleKind kind) {
    nodes_.emplace_back().kind = kind;
    return PickleId(nodes_.size() - 1);
}

PickleId PickleGraph::add_text(PickleKind kind, std::string_view text) {
    const PickleId id = add(kind);
    nodes_[id].text = text.data();
    nodes_[id].length = uint32_t(text.size());
    return id;
}

std::string_view PickleGraph::keep(std::string text) {
    return kept_.emplace_back(std::move(text));
}

std::string_view PickleGraph::text(PickleId id) const {
    const PickleNode& node = nodes_[id];
    switch (node.kind) {
        case PickleKind::text:
        case PickleKind::bytes:
        case PickleKind::global:
        case PickleKind::big_integer:
            return {node.text, node.length};
        default:
            return {};
    }
}

bool PickleGraph::is_text(PickleId id, std::string_view expected) const {
    return kind(id) == PickleKind::text && text(id) == expected;
}

PickleObject PickleGraph::object(PickleId id) const {
    const PickleNode& node = nodes_[id];
    if (node.kind != PickleKind::object) return {};
    return {node.items[0], node.items[1], node.items[2], node.items[3], node.items[4]};
}

std::span<const PickleId> PickleGraph::sequence(PickleId id) const {
    const PickleNode& node = nodes_[id];
    if (node.kind == PickleKind::list || node.kind == PickleKind::tuple) return node.items;
    return {};
}

std::span<const PickleId> PickleGraph::pairs(PickleId id) const {
    const PickleNode& node = nodes_[id];
    if (node.kind == PickleKind::dict) return node.items;
    if (node.kind == PickleKind::object && node.items[3] != none) return nodes_[node.items[3]].items;
    return {};
}

PickleId PickleGraph::find(PickleId id, std::string_view key) const {
    const auto items = pairs(id);
    for (size_t i = 0; i + 1 < items.size(); i += 2)
        if (is_text(items[i], key)) return items[i + 1];
    return none;
}

std::string_view PickleGraph::callable_name(PickleId id) const {
    return text(object(id).callable);
}

}  // namespace lacuna
