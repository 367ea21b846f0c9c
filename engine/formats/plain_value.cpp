#include "engine/formats/plain_value.h"

#include <algorithm>

#include "engine/formats/pickle_text.h"

namespace lacuna {
namespace {

using Kind = PlainValue::Kind;

PlainValue made(Kind kind) {
    PlainValue value;
    value.kind = kind;
    return value;
}

/// Copies a part of a pickle's graph, in which values may be shared and contain themselves.
class Plain {
  public:
    explicit Plain(const PickleGraph& graph) : graph_(graph) {}

    std::optional<PlainValue> value(PickleId id, int depth = 0) {
        if (depth > 32 || ++values_ > 100'000) return std::nullopt;
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
                return PlainValue::of(valid_utf8(graph_.text(id)));
            case PickleKind::list:
            case PickleKind::tuple:
                return sequence(id, node.kind == PickleKind::list ? Kind::list : Kind::tuple, depth);
            case PickleKind::dict:
                return dict(id, depth);
            default:
                return std::nullopt;
        }
    }

  private:
    std::optional<PlainValue> sequence(PickleId id, Kind kind, int depth) {
        PlainValue out = made(kind);
        for (const PickleId item : graph_.sequence(id)) {
            auto plain = value(item, depth + 1);
            if (!plain) return std::nullopt;
            out.items.push_back(std::move(*plain));
        }
        return out;
    }

    std::optional<PlainValue> dict(PickleId id, int depth) {
        PlainValue out = PlainValue::dict();
        const auto pairs = graph_.pairs(id);
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
            auto plain = value(pairs[i + 1], depth + 1);
            if (!plain || graph_.kind(pairs[i]) != PickleKind::text) return std::nullopt;
            out.set(valid_utf8(graph_.text(pairs[i])), std::move(*plain));
        }
        return out;
    }

    const PickleGraph& graph_;
    size_t values_ = 0;
};

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

std::optional<PlainValue> plain_value(const PickleGraph& graph, PickleId id) {
    return Plain(graph).value(id);
}

}  // namespace lacuna
