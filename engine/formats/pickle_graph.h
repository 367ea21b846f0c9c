#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

enum class PickleKind : uint8_t {
    none,
    boolean,
    integer,
    big_integer,  ///< more than 64 bits; `text` holds its little-endian bytes
    real,
    text,
    bytes,
    list,
    tuple,
    dict,        ///< items: key, value, key, value, …
    set,         ///< and frozenset
    global,      ///< a class or function by name; `text` is "module.name"
    object,      ///< what a class or function would have made; items as in PickleObject
    persistent,  ///< items: the persistent id
};

using PickleId = uint32_t;

struct PickleNode {
    PickleKind kind = PickleKind::none;
    uint32_t length = 0;  ///< of the text
    union {
        int64_t integer = 0;
        double real;
        const char* text;
    };
    std::vector<PickleId> items;
};

/// An object as data: nothing was called to make it. Node 0 (None) stands for what is not there.
struct PickleObject {
    PickleId callable = 0;  ///< a global as a rule
    PickleId arguments = 0;
    PickleId state = 0;     ///< given by BUILD
    PickleId pairs = 0;     ///< a dict of what was set by key
    PickleId elements = 0;  ///< a list of what was appended
};

/// What a pickle holds: a graph of values that may be shared or contain themselves. Texts are views of the pickle's
/// bytes, which have to outlive it.
class PickleGraph {
  public:
    static constexpr PickleId none = 0;

    PickleId root = none;

    const PickleNode& operator[](PickleId id) const { return nodes_[id]; }
    PickleNode& operator[](PickleId id) { return nodes_[id]; }
    size_t size() const { return nodes_.size(); }
    PickleId add(PickleKind kind);
    PickleId add_text(PickleKind kind, std::string_view text);
    /// Keeps a text that is not in the pickle's bytes.
    std::string_view keep(std::string text);

    PickleKind kind(PickleId id) const { return nodes_[id].kind; }
    std::string_view text(PickleId id) const;  ///< of texts, bytes and globals; "" of everything else
    bool is_text(PickleId id, std::string_view text) const;
    PickleObject object(PickleId id) const;  ///< all none if it is no object
    /// Elements of a list or tuple, else nothing.
    std::span<const PickleId> sequence(PickleId id) const;
    /// Keys and values of a dict, or of an object that is one (OrderedDict and other subclasses); else nothing.
    std::span<const PickleId> pairs(PickleId id) const;
    /// The value under a text key of what `pairs` gives; none if there is no such key.
    PickleId find(PickleId id, std::string_view key) const;
    /// "module.name" of the class or function behind an object, or ""
    std::string_view callable_name(PickleId id) const;

    PickleGraph();

  private:
    std::vector<PickleNode> nodes_;
    std::deque<std::string> kept_;
};

}  // namespace lacuna
