#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lacuna::structured {

/// A channel that may leave the model: a row of some weight with everything that goes with it. An index into Units.
using Unit = int32_t;
/// A channel that never leaves: nothing is known of it.
inline constexpr Unit fixed = -1;

/// Which channels must go together and which must stay. A unit leaves unless it, or one that it was joined with, was
/// kept.
class Units {
  public:
    Unit add();
    /// Both leave or both stay. With `fixed` the other one stays, for the reason given.
    void join(Unit a, Unit b, const std::string& why);
    void join(const std::vector<Unit>& a, const std::vector<Unit>& b, const std::string& why);
    /// It stays. The first reason that is not empty is remembered.
    void keep(Unit unit, const std::string& why);
    void keep(const std::vector<Unit>& units, const std::string& why);

    bool leaves(Unit unit) const { return unit != fixed && !nodes_[root(unit)].kept; }
    /// Why it stays, in words; empty if nobody said.
    const std::string& why(Unit unit) const { return nodes_[root(unit)].why; }
    /// Places in `units` whose channels stay.
    std::vector<int64_t> staying(const std::vector<Unit>& units) const;

  private:
    struct Node {
        Unit parent;
        bool kept = false;
        std::string why;
    };
    size_t root(Unit unit) const;

    mutable std::vector<Node> nodes_;
};

}  // namespace lacuna::structured
