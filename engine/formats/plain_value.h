#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
    /// Of a key that comes twice the last value counts, in the first one's place.
    static PlainValue dict_of(std::vector<std::pair<std::string, PlainValue>> entries);
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

/// Copies parts of a pickle as plain values. What a pickle holds once it may name as often as it likes, so that a small
/// file could ask for more memory than there is: one reader copies no more than 16 times what the pickle holds.
class PlainReader {
  public:
    /// `where` names the file in errors.
    PlainReader(const PickleGraph& graph, std::string where);

    /// Nothing if the value is or holds anything else (a tensor, a class, a dict under other keys than texts) or is
    /// nested beyond any use. Throws Error(format) if this reader has copied too much.
    std::optional<PlainValue> value(PickleId id) { return copy(id, 0); }
    /// A text. Nothing if it is none; throws as `value` does.
    std::optional<std::string> text(PickleId id);
    /// The entries of a dict as far as they are plain, without those under the keys of `but`; the keys of what is not
    /// plain go to `left_out`. Throws as `value` does.
    PlainValue part(PickleId dict, std::initializer_list<std::string_view> but, std::vector<std::string>& left_out);

  private:
    std::optional<PlainValue> copy(PickleId id, int depth);
    std::optional<PlainValue> sequence(PickleId id, PlainValue::Kind kind, int depth);
    std::optional<PlainValue> dict(PickleId id, int depth);
    void spend(uint64_t bytes);

    const PickleGraph& graph_;
    std::string where_;
    uint64_t left_ = 1 << 20;  ///< bytes
};

}  // namespace lacuna
