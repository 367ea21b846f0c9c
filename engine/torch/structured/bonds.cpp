#include "engine/torch/structured/bonds.h"

#include <algorithm>

namespace lacuna::structured {

Channel Bonds::add() {
    nodes_.push_back({Channel(nodes_.size()), false, {}});
    return nodes_.back().parent;
}

size_t Bonds::root(Channel channel) const {
    auto at = size_t(channel);
    while (nodes_[at].parent != Channel(at)) {
        nodes_[at].parent = nodes_[size_t(nodes_[at].parent)].parent;
        at = size_t(nodes_[at].parent);
    }
    return at;
}

void Bonds::join(Channel a, Channel b, const std::string& why) {
    if (a == b) return;
    if (a == fixed || b == fixed) return keep(a == fixed ? b : a, why);
    const size_t first = root(a), second = root(b);
    if (first == second) return;
    const bool kept = nodes_[first].kept || nodes_[second].kept;
    nodes_[second].parent = Channel(first);
    nodes_[first].kept = kept;
    if (nodes_[first].why.empty()) nodes_[first].why = nodes_[second].why;
}

void Bonds::join(const std::vector<Channel>& a, const std::vector<Channel>& b, const std::string& why) {
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) join(a[i], b[i], why);
}

void Bonds::keep(Channel channel, const std::string& why) {
    if (channel == fixed) return;
    Node& node = nodes_[root(channel)];
    node.kept = true;
    if (node.why.empty()) node.why = why;
}

void Bonds::keep(const std::vector<Channel>& ids, const std::string& why) {
    for (const Channel channel : ids) keep(channel, why);
}

std::vector<int64_t> Bonds::staying(const std::vector<Channel>& ids) const {
    std::vector<int64_t> places;
    for (size_t i = 0; i < ids.size(); ++i)
        if (!leaves(ids[i])) places.push_back(int64_t(i));
    return places;
}

}  // namespace lacuna::structured
