#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lacuna::structured {

/// A channel that may leave the model: a row of some weight with everything that goes with it. An index into Bonds.
using Channel = int32_t;
/// A channel that never leaves: nothing is known of it.
inline constexpr Channel fixed = -1;

/// Which channels must go together and which must stay. A channel leaves unless it, or one that it was joined with, was
/// kept.
class Bonds {
  public:
    Channel add();
    /// Both leave or both stay. With `fixed` the other one stays, for the reason given.
    void join(Channel a, Channel b, const std::string& why);
    void join(const std::vector<Channel>& a, const std::vector<Channel>& b, const std::string& why);
    /// It stays. The first reason that is not empty is remembered.
    void keep(Channel channel, const std::string& why);
    void keep(const std::vector<Channel>& ids, const std::string& why);

    bool leaves(Channel channel) const { return channel != fixed && !nodes_[root(channel)].kept; }
    /// Why it stays, in words; empty if nobody said.
    const std::string& why(Channel channel) const { return nodes_[root(channel)].why; }
    /// Places in `ids` whose channels stay.
    std::vector<int64_t> staying(const std::vector<Channel>& ids) const;

  private:
    struct Node {
        Channel parent;
        bool kept = false;
        std::string why;
    };
    size_t root(Channel channel) const;

    mutable std::vector<Node> nodes_;
};

}  // namespace lacuna::structured
