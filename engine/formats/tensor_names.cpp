#include "engine/formats/tensor_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/formats/pickle_text.h"

namespace lacuna {
namespace {

constexpr size_t depth_limit = 500;
constexpr size_t name_bytes_limit = size_t(1) << 28;

/// Classes that are part of ordinary Python and hold no weights: not worth a note.
bool is_plain(std::string_view name) {
    constexpr std::array<std::string_view, 7> modules = {
        "builtins.", "__builtin__.", "collections.", "_codecs.", "torch.Size", "torch.device", "torch.serialization."};
    return std::any_of(modules.begin(), modules.end(), [&](std::string_view start) { return name.starts_with(start); });
}

std::string key_text(const PickleGraph& graph, PickleId key, size_t index) {
    const PickleNode& node = graph[key];
    switch (node.kind) {
        case PickleKind::text:
        case PickleKind::bytes:
            return valid_utf8(graph.text(key));
        case PickleKind::integer:
            return std::to_string(node.integer);
        case PickleKind::boolean:
            return node.integer ? "True" : "False";
        case PickleKind::real: {
            char text[32];
            return {text, std::to_chars(text, text + sizeof text, node.real).ptr};
        }
        default:
            return "<" + std::to_string(index) + ">";  // tuples and objects: by position
    }
}

/// One thing inside a container.
struct Step {
    PickleId key = 0;
    size_t index = 0;
    bool by_index = false;
    PickleId value = 0;
    TensorRole role = TensorRole::unknown;
};

struct Frame {
    PickleId id;
    std::vector<Step> steps;
    size_t next = 0;
    size_t path_length = 0;  // of the path that leads to this container
};

class NameWalk {
  public:
    NameWalk(const PickleGraph& graph, const std::string& where) : graph_(graph), where_(where) {}

    NamedTensors run() {
        visit(graph_.root, TensorRole::unknown);
        while (!frames_.empty()) {
            Frame& frame = frames_.back();
            path_.resize(frame.path_length);
            if (frame.next == frame.steps.size()) {
                active_.erase(frame.id);
                frames_.pop_back();
                continue;
            }
            const Step step = frame.steps[frame.next++];
            place_ = {frame.id, step.index};
            if (++steps_ > 16 * graph_.size() + 100'000) fail("its objects are reached under too many names");
            if (frames_.size() > 1) path_ += '.';
            path_ += step.by_index ? std::to_string(step.index) : key_text(graph_, step.key, step.index);
            visit(step.value, step.role);
        }
        out_.notes = skipped_.notes();
        return std::move(out_);
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::format, where_, "the pickle cannot be read: " + what, "fetch or save the file again");
    }

    void visit(PickleId id, TensorRole role) {
        switch (graph_.kind(id)) {
            case PickleKind::list:
            case PickleKind::tuple:
                return enter(id, steps_of(graph_.sequence(id)));
            case PickleKind::dict:
                return enter(id, pair_steps(graph_.pairs(id), TensorRole::unknown));
            case PickleKind::persistent:
                return skipped_.skip("class torch.Storage");
            case PickleKind::object:
                return visit_object(id, role);
            default:
                return;
        }
    }

    void visit_object(PickleId id, TensorRole role) {
        PickledTensor tensor;
        switch (read_tensor(graph_, id, where_, tensor)) {
            case TensorKind::tensor:
                if (role != TensorRole::unknown) tensor.info.role = role;
                return add(std::move(tensor));
            case TensorKind::unreadable:
                return skipped_.skip("class " + std::string(graph_.callable_name(id)));
            case TensorKind::no_tensor:
                break;
        }
        if (const PickleId state = module_state(id)) return enter_module(id, state);
        const PickleObject object = graph_.object(id);
        if (object.pairs) return enter(id, pair_steps(graph_.pairs(id), TensorRole::unknown));
        if (graph_.kind(object.elements) == PickleKind::list)
            return enter(id, steps_of(graph_.sequence(object.elements)));
        const std::string_view name = class_name(graph_, id);
        if (name == "collections.OrderedDict") return enter(id, pairs_of_lists(object.arguments));
        if (!is_plain(name)) skipped_.skip("class " + std::string(name));
    }

    void add(PickledTensor tensor) {
        tensor.info.name = frames_.empty() ? "tensor" : path_;
        name_bytes_ += tensor.info.name.size();
        if (name_bytes_ > name_bytes_limit) fail("its tensors' names are too long");
        if (!names_.insert(tensor.info.name).second)
            return skipped_.skip("a name that another tensor has: " + tensor.info.name);
        out_.tensors.push_back(std::move(tensor));
        out_.places.push_back(place_);
    }

    void enter(PickleId id, std::vector<Step> steps) {
        if (steps.empty() || active_.contains(id)) return;  // a container inside itself is not entered again
        if (frames_.size() >= depth_limit) return skipped_.skip("containers nested too deeply");
        active_.insert(id);
        frames_.push_back({id, std::move(steps), 0, path_.size()});
    }

    // --- modules: state_dict() names own parameters, own buffers, then the children's

    PickleId module_state(PickleId id) const {
        PickleId state = graph_.object(id).state;
        if (const auto parts = graph_.sequence(state); !parts.empty()) state = parts[0];  // (attributes, slots)
        const bool is_module = graph_.find(state, "_parameters") && graph_.find(state, "_modules");
        return is_module ? state : PickleGraph::none;
    }

    void enter_module(PickleId id, PickleId state) {
        const std::string_view name = class_name(graph_, id);
        out_.layers.push_back({path_, valid_utf8(name.substr(name.rfind('.') + 1))});
        std::vector<Step> steps = pair_steps(graph_.pairs(graph_.find(state, "_parameters")), TensorRole::parameter);
        const auto transient = set_items(graph_.find(state, "_non_persistent_buffers_set"));
        for (const Step& step : pair_steps(graph_.pairs(graph_.find(state, "_buffers")), TensorRole::buffer))
            if (!transient.contains(graph_.text(step.key))) steps.push_back(step);
        const auto children = pair_steps(graph_.pairs(graph_.find(state, "_modules")), TensorRole::unknown);
        steps.insert(steps.end(), children.begin(), children.end());
        enter(id, std::move(steps));
    }

    std::unordered_set<std::string_view> set_items(PickleId id) const {
        std::span<const PickleId> items = graph_[id].items;
        if (graph_.kind(id) == PickleKind::object) {  // set([…]), as protocol 2 has it
            const auto arguments = graph_.sequence(graph_.object(id).arguments);
            items = arguments.empty() ? std::span<const PickleId>() : graph_.sequence(arguments[0]);
        }
        std::unordered_set<std::string_view> texts;
        for (const PickleId item : items) texts.insert(graph_.text(item));
        return texts;
    }

    // --- steps of containers

    static std::vector<Step> steps_of(std::span<const PickleId> items) {
        std::vector<Step> steps;
        for (size_t i = 0; i < items.size(); ++i) steps.push_back({0, i, true, items[i], TensorRole::unknown});
        return steps;
    }
    static std::vector<Step> pair_steps(std::span<const PickleId> pairs, TensorRole role) {
        std::vector<Step> steps;
        for (size_t i = 0; i + 1 < pairs.size(); i += 2) steps.push_back({pairs[i], i / 2, false, pairs[i + 1], role});
        return steps;
    }
    /// OrderedDict([[key, value], …]), as Python 2 wrote it.
    std::vector<Step> pairs_of_lists(PickleId arguments) const {
        std::vector<Step> steps;
        const auto outer = graph_.sequence(arguments);
        if (outer.empty()) return steps;
        for (const PickleId pair : graph_.sequence(outer[0]))
            if (const auto items = graph_.sequence(pair); items.size() == 2)
                steps.push_back({items[0], steps.size(), false, items[1], TensorRole::unknown});
        return steps;
    }

    const PickleGraph& graph_;
    const std::string& where_;
    NamedTensors out_;
    SkipNotes skipped_;
    std::vector<Frame> frames_;
    std::unordered_set<PickleId> active_;
    std::unordered_set<std::string> names_;
    std::string path_;
    std::pair<PickleId, size_t> place_;  // of what is visited
    size_t steps_ = 0, name_bytes_ = 0;
};

}  // namespace

void SkipNotes::skip(std::string_view what) {
    constexpr size_t most = 100;  // kinds of things; a hostile file could invent any number
    const auto known =
        std::find_if(counts_.begin(), counts_.end(), [&](const auto& entry) { return entry.first == what; });
    if (known != counts_.end())
        ++known->second;
    else if (counts_.size() < most)
        counts_.emplace_back(what, 1);
}

std::vector<std::string> SkipNotes::notes() const {
    std::vector<std::string> lines;
    for (const auto& [what, count] : counts_)
        lines.push_back("left alone: " + std::to_string(count) + (count == 1 ? " object of " : " objects of ") +
                        valid_utf8(what));
    return lines;
}

std::string_view class_name(const PickleGraph& graph, PickleId object) {
    const std::string_view name = graph.callable_name(object);
    const bool helper = name.ends_with("._reconstructor") || name.ends_with("._reconstruct") ||
                        name.ends_with(".__newobj__") || name.ends_with(".__newobj_ex__");
    if (!helper) return name;
    const auto arguments = graph.sequence(graph.object(object).arguments);
    return arguments.empty() ? name : graph.text(arguments[0]);
}

NamedTensors name_tensors(const PickleGraph& graph, const std::string& where) {
    return NameWalk(graph, where).run();
}

}  // namespace lacuna
