#include "engine/formats/torch_tensors.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/error.h"
#include "engine/formats/checked_sizes.h"

namespace lacuna {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 16> storage_classes{{
    {"DoubleStorage", DType::F64},
    {"FloatStorage", DType::F32},
    {"HalfStorage", DType::F16},
    {"BFloat16Storage", DType::BF16},
    {"LongStorage", DType::I64},
    {"IntStorage", DType::I32},
    {"ShortStorage", DType::I16},
    {"CharStorage", DType::I8},
    {"ByteStorage", DType::U8},
    {"BoolStorage", DType::BOOL},
    {"ComplexDoubleStorage", DType::C128},
    {"ComplexFloatStorage", DType::C64},
    {"QInt8Storage", DType::QI8},
    {"QUInt8Storage", DType::QU8},
    {"QInt32Storage", DType::QI32},
    {"ComplexHalfStorage", DType::C32},
}};

std::string_view last_name(std::string_view full) {
    return full.substr(full.rfind('.') + 1);
}

std::optional<DType> dtype_of(const PickleGraph& graph, PickleId id) {
    const std::string_view name = graph.text(id);
    if (graph.kind(id) != PickleKind::global || !name.starts_with("torch.")) return std::nullopt;
    for (int i = 0; i < dtype_count; ++i)
        if (const auto torch_name = torch_dtype_name(DType(i)); !torch_name.empty() && name.substr(6) == torch_name)
            return DType(i);
    return std::nullopt;
}

/// What follows the function's name in its arguments.
enum class Rebuild {
    plain,       // storage, offset, size, stride, …
    with_dtype,  // storage, offset, size, stride, requires_grad, hooks, dtype
    parameter,   // tensor, …
    subclass,    // function, class, arguments, …
    no_storage,  // a tensor that lies in no plain storage
};

constexpr std::array<std::pair<std::string_view, Rebuild>, 20> rebuild_functions{{
    {"torch._utils._rebuild_tensor", Rebuild::plain},
    {"torch._utils._rebuild_tensor_v2", Rebuild::plain},
    {"torch._utils._rebuild_tensor_v3", Rebuild::with_dtype},
    {"torch._utils._rebuild_qtensor", Rebuild::plain},
    {"torch._utils._rebuild_parameter", Rebuild::parameter},
    {"torch._utils._rebuild_parameter_with_state", Rebuild::parameter},
    {"torch.nn.parameter.Parameter", Rebuild::parameter},
    {"torch.nn.parameter.Buffer", Rebuild::parameter},
    {"torch.autograd.variable.Variable", Rebuild::parameter},
    {"torch._tensor._rebuild_from_type", Rebuild::subclass},
    {"torch._tensor._rebuild_from_type_v2", Rebuild::subclass},
    {"torch._utils._rebuild_sparse_tensor", Rebuild::no_storage},
    {"torch._utils._rebuild_sparse_csr_tensor", Rebuild::no_storage},
    {"torch._utils._rebuild_meta_tensor_no_storage", Rebuild::no_storage},
    {"torch._utils._rebuild_nested_tensor", Rebuild::no_storage},
    {"torch._utils._rebuild_wrapper_subclass", Rebuild::no_storage},
    {"torch._utils._rebuild_xla_tensor", Rebuild::no_storage},
    {"torch._utils._rebuild_device_tensor_from_numpy", Rebuild::no_storage},
    {"torch._utils._rebuild_device_tensor_from_cpu_tensor", Rebuild::no_storage},
    {"torch.jit._pickle.build_tensor_from_id", Rebuild::no_storage},
}};

std::optional<Rebuild> rebuild_function(std::string_view name) {
    for (const auto& [known, kind] : rebuild_functions)
        if (known == name) return kind;
    return std::nullopt;
}

/// Integers of a tuple, list or torch.Size; nothing if there is anything else in it.
std::optional<Shape> integers(const PickleGraph& graph, PickleId id) {
    if (graph.callable_name(id) == "torch.Size") {
        const auto arguments = graph.sequence(graph.object(id).arguments);
        if (arguments.size() != 1) return std::nullopt;
        id = arguments[0];
    }
    if (graph.kind(id) != PickleKind::tuple && graph.kind(id) != PickleKind::list) return std::nullopt;
    if (graph.sequence(id).size() > 64) return std::nullopt;  // as many dimensions as PyTorch allows
    Shape numbers;
    for (const PickleId item : graph.sequence(id)) {
        if (graph.kind(item) != PickleKind::integer) return std::nullopt;
        numbers.push_back(graph[item].integer);
    }
    return numbers;
}

/// (key, offset, count)
std::optional<StorageView> storage_view(const PickleGraph& graph, PickleId id) {
    const auto parts = graph.sequence(id);
    if (parts.size() != 3 || graph.kind(parts[0]) != PickleKind::text) return std::nullopt;
    if (graph.kind(parts[1]) != PickleKind::integer || graph.kind(parts[2]) != PickleKind::integer) return std::nullopt;
    return StorageView{graph.text(parts[0]), uint64_t(graph[parts[1]].integer), uint64_t(graph[parts[2]].integer)};
}

[[noreturn]] void damaged(const std::string& where, const std::string& what) {
    throw Error(ErrorKind::format, where, "a tensor in the pickle is damaged: " + what, "fetch or save the file again");
}

TensorKind read_plain(const PickleGraph& graph, std::span<const PickleId> arguments, bool has_dtype,
                      const std::string& where, PickledTensor& out) {
    if (arguments.size() < (has_dtype ? 7u : 4u)) damaged(where, "it lacks arguments");
    if (graph.kind(arguments[0]) != PickleKind::persistent) return TensorKind::unreadable;
    const auto storage = storage_id(graph, arguments[0]);
    if (!storage) return TensorKind::unreadable;
    const std::optional<DType> dtype = has_dtype ? dtype_of(graph, arguments[6]) : storage->dtype;
    if (!dtype) return TensorKind::unreadable;
    const auto shape = integers(graph, arguments[2]), strides = integers(graph, arguments[3]);
    const PickleNode& offset = graph[arguments[1]];
    if (!shape || !strides || offset.kind != PickleKind::integer) damaged(where, "its shape is no list of numbers");
    const auto extent = checked_extent(*dtype, *shape, *strides);
    if (!extent || offset.integer < 0) damaged(where, "its shape, strides or offset are out of range");
    const uint64_t bytes = storage->bytes_of(storage->view ? storage->view->count : storage->count);
    const auto unit = uint64_t(dtype_bits(*dtype) / 8);
    if (*extent > bytes || (*extent > 0 && uint64_t(offset.integer) > (bytes - *extent) / unit))
        damaged(where, "it reaches beyond its storage of " + std::to_string(bytes) + " bytes");
    constexpr uint64_t largest_expansion = uint64_t(1) << 32;  // bytes; real views that repeat elements are small
    const uint64_t spread = dtype_bytes(*dtype, uint64_t(element_count(*shape)));
    if (spread > bytes && spread > largest_expansion) damaged(where, "it repeats its storage beyond any use");
    out.storage = *storage;
    out.info.dtype = *dtype;
    out.info.shape = *shape;
    out.info.strides = *strides;
    out.info.offset = *extent > 0 ? uint64_t(offset.integer) * unit : 0;
    if (storage->view && *extent > 0) out.info.offset += storage->bytes_of(storage->view->offset);
    return TensorKind::tensor;
}

}  // namespace

std::optional<StorageId> storage_id(const PickleGraph& graph, PickleId id) {
    if (graph.kind(id) != PickleKind::persistent) return std::nullopt;
    const auto parts = graph.sequence(graph[id].items[0]);
    if (parts.size() < 5 || !graph.is_text(parts[0], "storage")) return std::nullopt;
    if (graph.kind(parts[2]) != PickleKind::text || graph.kind(parts[4]) != PickleKind::integer) return std::nullopt;
    const int64_t count = graph[parts[4]].integer;
    if (count < 0 || count > int64_t(1) << 56) return std::nullopt;
    StorageId storage{graph.text(parts[2]), std::nullopt, uint64_t(count), std::nullopt};
    if (parts.size() > 5 && graph.kind(parts[5]) != PickleKind::none) {
        storage.view = storage_view(graph, parts[5]);
        if (!storage.view || storage.view->offset > storage.count ||
            storage.view->count > storage.count - storage.view->offset)
            return std::nullopt;
    }
    const std::string_view name = last_name(graph.text(parts[1]));
    if (name == "UntypedStorage" || name == "_UntypedStorage") return storage;
    const auto* known = std::find_if(storage_classes.begin(), storage_classes.end(),
                                     [&](const auto& entry) { return entry.first == name; });
    if (known == storage_classes.end()) return std::nullopt;
    storage.dtype = known->second;
    return storage;
}

TensorKind read_tensor(const PickleGraph& graph, PickleId id, const std::string& where, PickledTensor& out) {
    PickleId callable = graph.object(id).callable, arguments_id = graph.object(id).arguments;
    bool parameter = false;
    // Parameters and subclasses wrap tensors; nobody wraps them more than a few times.
    for (int depth = 0; depth < 8; ++depth) {
        const auto kind = rebuild_function(graph.text(callable));
        if (!kind) return TensorKind::no_tensor;
        const auto arguments = graph.sequence(arguments_id);
        switch (*kind) {
            case Rebuild::plain:
            case Rebuild::with_dtype:
                out.info.role = parameter ? TensorRole::parameter : TensorRole::unknown;
                return read_plain(graph, arguments, *kind == Rebuild::with_dtype, where, out);
            case Rebuild::parameter:
                if (arguments.empty()) return TensorKind::unreadable;
                parameter = parameter || !graph.text(callable).ends_with("Buffer");
                callable = graph.object(arguments[0]).callable;
                arguments_id = graph.object(arguments[0]).arguments;
                break;
            case Rebuild::subclass:
                if (arguments.size() < 3) return TensorKind::unreadable;
                parameter = parameter || graph.text(arguments[1]) == "torch.nn.parameter.Parameter";
                callable = arguments[0];
                arguments_id = arguments[2];
                break;
            case Rebuild::no_storage:
                return TensorKind::unreadable;
        }
    }
    return TensorKind::unreadable;
}

}  // namespace lacuna
