#include "engine/session/report.h"

#include <nlohmann/json.hpp>

#include "engine/formats/file_checkpoint.h"
#include "engine/session/pruning.h"
#include "engine/session/tensor_loop.h"
#include "engine/session/zeros.h"

namespace lacuna {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A JSON array with a line for each entry: long lists stay readable and can be searched line by line.
template <class List, class ToJson>
std::string lines_of(const List& list, const ToJson& to_json) {
    std::string text = "[";
    for (const auto& entry : list) text += (text.size() > 1 ? ",\n    " : "\n    ") + text_of(to_json(entry));
    return text + (text.size() > 1 ? "\n  ]" : "]");
}

/// The zeros of a tensor once `mask` is squashed in; what was read of it is let go of.
std::optional<int64_t> zeros_in_file(const Checkpoint& checkpoint, size_t tensor, const Mask* mask = nullptr) {
    const auto zeros = count_zeros(checkpoint.view(tensor), mask);
    release_storage(checkpoint, checkpoint.tensors()[tensor].storage);
    return zeros;
}

}  // namespace

double sparsity_of(int64_t zeros, int64_t params) {
    return params > 0 ? double(zeros) / double(params) : 0;
}

Report make_report(const Pruning& pruning, double seconds, Progress& progress) {
    Report report;
    report.seconds = seconds;
    std::vector<int64_t> sizes;
    for (const Pruning::Group& group : pruning.groups()) {
        const TensorInfo& info = pruning.checkpoint().tensors()[group.target.tensor];
        report.layers.push_back(
            {info.name, info.shape, info.dtype, std::string(group.target.sparsifier->name()), info.elements(), 0});
        sizes.push_back(info.elements());
    }
    const MaskSet masks = pruning.masks();
    for_each_tensor(sizes, "Counting zeros", progress, [&](size_t i) {
        const Pruning::Group& group = pruning.groups()[i];
        const Mask& mask = *masks.find(group.fqn)->second;
        report.layers[i].zeros =
            zeros_in_file(pruning.checkpoint(), group.target.tensor, &mask).value_or(mask.pruned());
    });
    for (const LayerReport& layer : report.layers) {
        report.params += layer.params;
        report.zeros += layer.zeros;
    }
    return report;
}

std::string to_json(const Report& report) {
    const auto layer_json = [](const LayerReport& layer) {
        return Json{{"name", layer.name},
                    {"shape", layer.shape},
                    {"dtype", dtype_name(layer.dtype)},
                    {"sparsifier", layer.sparsifier},
                    {"params", layer.params},
                    {"zeros", layer.zeros},
                    {"sparsity", layer.sparsity()}};
    };
    const Json total{
        {"params", report.params}, {"zeros", report.zeros}, {"sparsity", sparsity_of(report.zeros, report.params)}};
    return "{\n  \"layers\": " + lines_of(report.layers, layer_json) + ",\n  \"total\": " + text_of(total) +
           ",\n  \"seconds\": " + text_of(report.seconds) + "\n}\n";
}

Inspection inspect(const Checkpoint& checkpoint, bool count, Progress& progress) {
    Inspection inspection;
    std::vector<int64_t> sizes;
    for (const TensorInfo& info : checkpoint.tensors()) {
        inspection.tensors.push_back({&info, {}});
        sizes.push_back(info.elements());
    }
    if (!count) return inspection;
    for_each_tensor(sizes, "Counting zeros", progress,
                    [&](size_t i) { inspection.tensors[i].zeros = zeros_in_file(checkpoint, i); });
    return inspection;
}

std::string to_json(const Inspection& inspection, const Checkpoint& checkpoint) {
    const auto tensor_json = [](const InspectedTensor& tensor) {
        Json json{{"name", tensor.info->name},
                  {"shape", tensor.info->shape},
                  {"dtype", dtype_name(tensor.info->dtype)},
                  {"bytes", tensor.info->bytes()}};
        if (!tensor.zeros) return json;
        json["zeros"] = *tensor.zeros;
        json["sparsity"] = sparsity_of(*tensor.zeros, tensor.info->elements());
        return json;
    };
    std::string text = "{\n  \"format\": " + text_of(format_name(checkpoint.format())) +
                       ",\n  \"file_bytes\": " + text_of(checkpoint.file_bytes()) +
                       ",\n  \"parameters\": " + text_of(checkpoint.parameters()) +
                       ",\n  \"runnable\": " + text_of(checkpoint.runnable()) +
                       ",\n  \"tensors\": " + lines_of(inspection.tensors, tensor_json);
    if (!checkpoint.notes().empty())
        text += ",\n  \"notes\": " + lines_of(checkpoint.notes(), [](const std::string& note) { return Json(note); });
    return text + "\n}\n";
}

}  // namespace lacuna
