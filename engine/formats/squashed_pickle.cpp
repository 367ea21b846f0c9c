#include "engine/formats/squashed_pickle.h"

#include <map>

#include "engine/base/error.h"
#include "engine/formats/pickle_text.h"
#include "engine/formats/pickle_writer.h"
#include "engine/formats/tensor_names.h"
#include "engine/formats/torch_objects.h"

namespace lacuna {
namespace {

constexpr int depth_limit = 500;
constexpr const char* hint = "save the model's state_dict() alone, or write safetensors";

class PlainCopy {
  public:
    explicit PlainCopy(const SquashedNames& checkpoint)
        : checkpoint_(checkpoint), file_(checkpoint.path()), graph_(file_.graph()) {
        const NamedTensors named = name_tensors(graph_, file_.where());
        if (!named.layers.empty()) refuse("it holds a pickled module of class " + named.layers.front().type);
        std::map<size_t, size_t> kept;  // from the source's tensors to ours
        for (size_t i = 0; i < checkpoint.tensors().size(); ++i) kept[checkpoint.source_of(i)] = i;
        for (size_t i = 0; i < named.tensors.size(); ++i) {
            const auto ours = kept.find(i);
            if (ours == kept.end()) {
                keys_[named.places[i]] = std::nullopt;
                continue;
            }
            const TensorInfo& tensor = checkpoint.tensors()[ours->second];
            storages_[std::string(named.tensors[i].storage.key)] = tensor.storage;
            if (tensor.name != named.tensors[i].info.name) keys_[named.places[i]] = new_key(named, i, tensor.name);
        }
    }

    std::string run() {
        out_ = "\x80\x02";
        value(graph_.root);
        return std::move(out_) + ".";
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorKind::argument, file_.where(), what + ", which names cannot be squashed in", hint);
    }

    /// A dict's key ends as the tensor's name does; what stands before it are the keys of the dicts around it.
    std::string new_key(const NamedTensors& named, size_t tensor, const std::string& name) const {
        const auto& [holder, entry] = named.places[tensor];
        const auto pairs = graph_.pairs(holder);
        const std::string& old = named.tensors[tensor].info.name;
        const std::string key = 2 * entry < pairs.size() ? valid_utf8(graph_.text(pairs[2 * entry])) : "";
        const std::string_view before = std::string_view(old).substr(0, old.size() - std::min(key.size(), old.size()));
        if (key.empty() || !old.ends_with(key) || !name.starts_with(before) || name.size() == before.size())
            refuse("its dicts hold " + old + " part by part");
        return name.substr(before.size());
    }

    void value(PickleId id) {
        if (++depth_ > depth_limit || ++values_ > 16 * graph_.size() + 100'000)
            refuse("it holds containers that are nested too deeply");
        const PickleNode& node = graph_[id];
        switch (node.kind) {
            case PickleKind::none:
                out_ += 'N';
                break;
            case PickleKind::boolean:
                out_ += node.integer ? '\x88' : '\x89';
                break;
            case PickleKind::integer:
                out_ += pickle::integer(node.integer);
                break;
            case PickleKind::real:
                out_ += pickle::real(node.real);
                break;
            case PickleKind::text:
                out_ += pickle::text(valid_utf8(graph_.text(id)));
                break;
            case PickleKind::list:
                out_ += ']';
                items(id, 'e');
                break;
            case PickleKind::tuple:
                items(id, 't');
                break;
            case PickleKind::dict:
                out_ += '}';
                pairs(id);
                break;
            case PickleKind::object:
                object(id);
                break;
            default:
                refuse("it holds values of a rare kind");
        }
        --depth_;
    }

    void items(PickleId id, char close) {
        out_ += '(';
        for (const PickleId item : graph_.sequence(id)) value(item);
        out_ += close;
    }

    void pairs(PickleId id) {
        out_ += '(';
        const auto all = graph_.pairs(id);
        for (size_t i = 0; i + 1 < all.size(); i += 2) {
            const auto changed = keys_.find({id, i / 2});
            if (changed == keys_.end())
                value(all[i]);
            else if (changed->second)
                out_ += pickle::text(*changed->second);
            else
                continue;
            value(all[i + 1]);
        }
        out_ += 'u';
    }

    void object(PickleId id) {
        PickledTensor tensor;
        if (read_tensor(graph_, id, file_.where(), tensor) == TensorKind::tensor) return write(tensor);
        const PickleObject object = graph_.object(id);
        const std::string_view name = class_name(graph_, id);
        const bool no_arguments = graph_.sequence(object.arguments).empty();
        if (name == "collections.OrderedDict" && no_arguments && object.elements == PickleGraph::none) {
            out_ += pickle::global("collections", "OrderedDict") + ")R";
            pairs(id);
            if (object.state == PickleGraph::none) return;
            value(object.state);  // a state_dict's _metadata
            out_ += 'b';
        } else if (name == "torch.Size" && !no_arguments) {
            out_ += pickle::global("torch", "Size");
            value(object.arguments);
            out_ += 'R';
        } else {
            refuse("it holds an object of class " + valid_utf8(name));
        }
    }

    void write(const PickledTensor& tensor) {
        const auto storage = storages_.find(tensor.storage.key);
        if (storage == storages_.end()) refuse("it holds a tensor that has no name of its own");
        const uint64_t unit = std::max<uint64_t>(uint64_t(dtype_bits(tensor.info.dtype)) / 8, 1);
        const auto written =
            pickle::tensor(tensor.info.dtype, tensor.info.shape, tensor.info.strides, std::to_string(storage->second),
                           checkpoint_.storages()[storage->second].bytes, tensor.info.offset / unit);
        if (!written) refuse("it holds a tensor of type " + std::string(dtype_name(tensor.info.dtype)));
        out_ += *written;
    }

    const SquashedNames& checkpoint_;
    TorchObjects file_;
    const PickleGraph& graph_;
    std::map<std::pair<PickleId, size_t>, std::optional<std::string>> keys_;  // that change; nothing: left out
    std::map<std::string, uint64_t, std::less<>> storages_;                   // ours, by the source's key
    std::string out_;
    int depth_ = 0;
    size_t values_ = 0;
};

}  // namespace

std::string squashed_pickle(const SquashedNames& checkpoint) {
    return PlainCopy(checkpoint).run();
}

}  // namespace lacuna
