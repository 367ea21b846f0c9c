#include "engine/formats/torchscript_names.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/formats/pickle_text.h"

namespace lacuna {
namespace {

constexpr size_t depth_limit = 200;

/// What the code says about a class.
struct ScriptClass {
    bool is_module = false;
    bool lists_buffers = false;  // archives of PyTorch 1.4 and before do not
    std::set<std::string, std::less<>> parameters, buffers;
};

/// Names in a line like `__parameters__ = ["weight", "bias", ]`.
std::set<std::string, std::less<>> quoted_names(std::string_view line) {
    std::set<std::string, std::less<>> names;
    for (size_t open = line.find('"'); open != std::string_view::npos;) {
        const size_t close = line.find('"', open + 1);
        if (close == std::string_view::npos) break;
        names.emplace(line.substr(open + 1, close - open - 1));
        open = line.find('"', close + 1);
    }
    return names;
}

/// Classes by qualified name ("__torch__.torch.nn.modules.conv.Conv2d"), read file by file as they are asked for.
class ScriptClasses {
  public:
    explicit ScriptClasses(const CodeReader& code) : code_(code) {}

    const ScriptClass& find(std::string_view qualified) {
        const size_t dot = qualified.rfind('.');
        const std::string module(qualified.substr(0, dot == std::string_view::npos ? 0 : dot));
        if (read_.insert(module).second) read(module);
        static const ScriptClass unknown;
        const auto at = classes_.find(qualified);
        return at == classes_.end() ? unknown : at->second;
    }

  private:
    void read(const std::string& module) {
        std::string path = "code/" + module + ".py";
        std::replace(path.begin() + 5, path.end() - 3, '.', '/');
        const auto source = code_(path);
        if (!source) return;
        ScriptClass* current = nullptr;
        for (size_t begin = 0; begin < source->size();) {
            const size_t end = std::min(source->find('\n', begin), source->size());
            const std::string_view line = source->substr(begin, end - begin);
            begin = end + 1;
            if (line.starts_with("class ")) {
                const size_t name_end = line.find_first_of("(:", 6);
                if (name_end == std::string_view::npos) continue;
                current = &classes_[module + "." + std::string(line.substr(6, name_end - 6))];
                current->is_module = line.substr(name_end).starts_with("(Module)");
            } else if (current && line.starts_with("  __parameters__ = ")) {
                current->parameters = quoted_names(line);
            } else if (current && line.starts_with("  __buffers__ = ")) {
                current->buffers = quoted_names(line);
                current->lists_buffers = true;
            }
        }
    }

    const CodeReader& code_;
    std::unordered_set<std::string> read_;
    std::map<std::string, ScriptClass, std::less<>> classes_;
};

class ScriptWalk {
  public:
    ScriptWalk(const PickleGraph& graph, const CodeReader& code, const std::string& where)
        : graph_(graph), classes_(code), where_(where) {}

    NamedTensors run() {
        if (graph_.kind(graph_.root) != PickleKind::object) fail("its data.pkl holds no module");
        enter(graph_.root);
        while (!frames_.empty()) {
            Frame& frame = frames_.back();
            path_.resize(frame.path_length);
            if (frame.next + 1 >= frame.attributes.size()) {
                active_.erase(frame.module);
                frames_.pop_back();
                continue;
            }
            const PickleId name = frame.attributes[frame.next], value = frame.attributes[frame.next + 1];
            frame.next += 2;
            if (++steps_ > 16 * graph_.size() + 100'000) fail("its modules are reached under too many names");
            visit(frame.type, name, value);
        }
        out_.notes = skipped_.notes();
        return std::move(out_);
    }

  private:
    struct Frame {
        PickleId module;
        const ScriptClass* type;
        std::span<const PickleId> attributes;  // name, value, name, value, …
        size_t next = 0;
        size_t path_length = 0;
    };

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::format, where_, "the TorchScript archive cannot be read: " + what,
                    "save it again with torch.jit.save");
    }

    void visit(const ScriptClass* type, PickleId name, PickleId value) {
        if (graph_.kind(value) != PickleKind::object) return;
        const std::string_view key = graph_.text(name);
        const size_t length = path_.size();
        if (frames_.size() > 1) path_ += '.';
        path_ += valid_utf8(key);
        PickledTensor tensor;
        switch (read_tensor(graph_, value, where_, tensor)) {
            case TensorKind::tensor:
                // named_parameters() names a tied tensor once
                if (!seen_.contains(value) && add(*type, key, std::move(tensor))) seen_.insert(value);
                break;
            case TensorKind::unreadable:
                skipped_.skip("class " + std::string(graph_.callable_name(value)));
                break;
            case TensorKind::no_tensor:
                enter(value);
                return;
        }
        path_.resize(length);
    }

    /// False for a plain attribute, which has no name.
    bool add(const ScriptClass& type, std::string_view key, PickledTensor tensor) {
        const bool parameter = type.parameters.contains(key);
        const bool buffer = type.buffers.contains(key) || (!type.lists_buffers && !parameter);
        if (!parameter && !buffer) return false;
        name_bytes_ += path_.size();
        if (name_bytes_ > size_t(1) << 28) fail("its tensors' names are too long");
        if (!names_.insert(path_).second) {
            skipped_.skip("a name that another tensor has: " + path_);
            return false;
        }
        tensor.info.name = path_;
        tensor.info.role = parameter ? TensorRole::parameter : TensorRole::buffer;
        out_.tensors.push_back(std::move(tensor));
        return true;
    }

    /// Goes into a module; other objects (packed weights, script classes) are noted.
    void enter(PickleId id) {
        const std::string_view name = class_name(graph_, id);
        if (name.starts_with("torch.jit._pickle.") || name.starts_with("collections.")) return;
        const ScriptClass& type = classes_.find(name);
        if (!type.is_module) return skipped_.skip("class " + std::string(name));
        if (active_.contains(id)) return;
        if (frames_.size() >= depth_limit) fail("its modules are nested too deeply");
        active_.insert(id);
        out_.layers.push_back({path_, valid_utf8(name.substr(name.rfind('.') + 1))});
        frames_.push_back({id, &type, graph_.pairs(graph_.object(id).state), 0, path_.size()});
    }

    const PickleGraph& graph_;
    ScriptClasses classes_;
    const std::string& where_;
    NamedTensors out_;
    SkipNotes skipped_;
    std::vector<Frame> frames_;
    std::unordered_set<PickleId> active_, seen_;
    std::unordered_set<std::string> names_;
    std::string path_;
    size_t steps_ = 0, name_bytes_ = 0;
};

}  // namespace

NamedTensors name_script_tensors(const PickleGraph& graph, const CodeReader& code, const std::string& where) {
    return ScriptWalk(graph, code, where).run();
}

}  // namespace lacuna
