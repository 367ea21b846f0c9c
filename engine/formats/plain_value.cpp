#include "engine/formats/plain_value.h"

#include <algorithm>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/formats/pickle_text.h"

namespace lacuna {
namespace {

using Kind = PlainValue::Kind;

PlainValue made(Kind kind) {
    PlainValue value;
    value.kind = kind;
    return value;
}

constexpr int most_levels = 32;

}  // namespace

PlainValue PlainValue::of(bool value) {
    PlainValue out = made(Kind::boolean);
    out.integer = value;
    return out;
}

PlainValue PlainValue::of(int64_t value) {
    PlainValue out = made(Kind::integer);
    out.integer = value;
    return out;
}

PlainValue PlainValue::of(double value) {
    PlainValue out = made(Kind::real);
    out.real = value;
    return out;
}

PlainValue PlainValue::of(std::string value) {
    PlainValue out = made(Kind::text);
    out.text = std::move(value);
    return out;
}

PlainValue PlainValue::dict() {
    return made(Kind::dict);
}

PlainValue PlainValue::dict_of(std::vector<std::pair<std::string, PlainValue>> entries) {
    PlainValue out = dict();
    std::unordered_map<std::string, size_t> places;
    for (auto& [key, value] : entries) {
        const auto [place, is_new] = places.emplace(key, out.items.size());
        if (!is_new) {
            out.items[place->second] = std::move(value);
            continue;
        }
        out.keys.push_back(std::move(key));
        out.items.push_back(std::move(value));
    }
    return out;
}

PlainValue PlainValue::tuple_of(const std::vector<int64_t>& numbers) {
    PlainValue out = made(Kind::tuple);
    for (const int64_t number : numbers) out.items.push_back(of(number));
    return out;
}

const PlainValue* PlainValue::find(std::string_view key) const {
    const auto at = std::find(keys.begin(), keys.end(), key);
    return at == keys.end() ? nullptr : &items[size_t(at - keys.begin())];
}

void PlainValue::erase(const std::string& key) {
    const auto place = std::find(keys.begin(), keys.end(), key);
    if (place == keys.end()) return;
    items.erase(items.begin() + (place - keys.begin()));
    keys.erase(place);
}

void PlainValue::set(const std::string& key, PlainValue value) {
    const auto at = std::find(keys.begin(), keys.end(), key);
    if (at != keys.end()) {
        items[size_t(at - keys.begin())] = std::move(value);
        return;
    }
    keys.push_back(key);
    items.push_back(std::move(value));
}

PlainReader::PlainReader(const PickleGraph& graph, std::string where) : graph_(graph), where_(std::move(where)) {
    for (PickleId id = 0; id < graph.size(); ++id) left_ += 16 * (sizeof(PlainValue) + graph.text(id).size());
}

void PlainReader::spend(uint64_t bytes) {
    if (bytes > left_)
        throw Error(ErrorKind::format, where_, "names the same values again and again", "fetch or save the file again");
    left_ -= bytes;
}

std::optional<std::string> PlainReader::text(PickleId id) {
    if (graph_.kind(id) != PickleKind::text) return std::nullopt;
    spend(graph_.text(id).size());
    return valid_utf8(graph_.text(id));
}

PlainValue PlainReader::part(PickleId dict, std::initializer_list<std::string_view> but,
                             std::vector<std::string>& left_out) {
    std::vector<std::pair<std::string, PlainValue>> entries;
    const auto pairs = graph_.pairs(dict);
    for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
        auto key = text(pairs[i]);
        if (!key || std::find(but.begin(), but.end(), *key) != but.end()) continue;
        if (auto plain = value(pairs[i + 1]))
            entries.emplace_back(*std::move(key), *std::move(plain));
        else
            left_out.push_back(*std::move(key));
    }
    return PlainValue::dict_of(std::move(entries));
}

std::optional<PlainValue> PlainReader::copy(PickleId id, int depth) {
    if (depth > most_levels) return std::nullopt;
    spend(sizeof(PlainValue));
    const PickleNode& node = graph_[id];
    switch (node.kind) {
        case PickleKind::none:
            return PlainValue{};
        case PickleKind::boolean:
            return PlainValue::of(node.integer != 0);
        case PickleKind::integer:
            return PlainValue::of(node.integer);
        case PickleKind::real:
            return PlainValue::of(node.real);
        case PickleKind::text:
            return PlainValue::of(*text(id));
        case PickleKind::list:
            return sequence(id, Kind::list, depth);
        case PickleKind::tuple:
            return sequence(id, Kind::tuple, depth);
        case PickleKind::dict:
            return dict(id, depth);
        default:
            return std::nullopt;
    }
}

std::optional<PlainValue> PlainReader::sequence(PickleId id, Kind kind, int depth) {
    PlainValue out = made(kind);
    for (const PickleId item : graph_.sequence(id)) {
        auto plain = copy(item, depth + 1);
        if (!plain) return std::nullopt;
        out.items.push_back(std::move(*plain));
    }
    return out;
}

std::optional<PlainValue> PlainReader::dict(PickleId id, int depth) {
    std::vector<std::pair<std::string, PlainValue>> entries;
    const auto pairs = graph_.pairs(id);
    for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
        auto key = text(pairs[i]);
        auto plain = copy(pairs[i + 1], depth + 1);
        if (!key || !plain) return std::nullopt;
        entries.emplace_back(std::move(*key), std::move(*plain));
    }
    return PlainValue::dict_of(std::move(entries));
}

}  // namespace lacuna
