#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/pickle_graph.h"

namespace lacuna {

/// A value that Python programs keep beside tensors: numbers, texts, lists, tuples, and dicts with texts for keys.
struct PlainValue {
    enum class Kind : uint8_t { none, boolean, integer, real, text, list, tuple, dict };

    Kind kind = Kind::none;
    int64_t integer = 0;  ///< booleans too
    double real = 0;
    std::string text;
    std::vector<PlainValue> items;  ///< of lists and tuples; a dict's values
    std::vector<std::string> keys;  ///< of a dict, one for each item

    static PlainValue of(bool value);
    static PlainValue of(int64_t value);
    static PlainValue of(double value);
    static PlainValue of(std::string value);
    static PlainValue of(const char* value) { return of(std::string(value)); }
    static PlainValue dict();
    /// (4, 8): whole numbers as a tuple.
    static PlainValue tuple_of(const std::vector<int64_t>& numbers);

    /// A dict's value under `key`; null if there is none.
    const PlainValue* find(std::string_view key) const;
    /// Sets a dict's value, in place or at the end.
    void set(const std::string& key, PlainValue value);
    /// Takes a dict's value away, if it is there.
    void erase(const std::string& key);
    bool operator==(const PlainValue&) const = default;
};

/// A pickled value as a plain one; nothing if it is or holds anything else (a tensor, a class, a dict under other keys
/// than texts) or is nested or repeated beyond any use.
std::optional<PlainValue> plain_value(const PickleGraph& graph, PickleId id);

}  // namespace lacuna
