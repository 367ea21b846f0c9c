#include "engine/session/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/base/tensor_loop.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/saved_mask.h"
#include "engine/mask/nonzero.h"
#include "engine/session/pruning.h"
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

void add_patterns(Json& json, const Patterns& patterns) {
    json["rows"] = {{"count", patterns.rows}, {"zero", patterns.zero_rows}};
    json["columns"] = {{"count", patterns.columns}, {"zero", patterns.zero_columns}};
    json["tiles"] = {{"shape", {patterns.tile.rows, patterns.tile.columns}},
                     {"count", patterns.tiles},
                     {"zero", patterns.zero_tiles}};
    for (const NmCount& count : patterns.n_m) {
        const auto fraction = count.fraction();
        json["n_m"][std::to_string(count.n) + ":" + std::to_string(count.m)] = fraction ? Json(*fraction) : Json();
    }
}

/// The zeros of a tensor once `mask` is laid on; what was read of it is let go of.
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

Inspection inspect(const Checkpoint& checkpoint, const Counting& counting, Progress& progress) {
    Inspection inspection;
    std::vector<int64_t> sizes;
    for (const TensorInfo& info : checkpoint.tensors()) {
        inspection.tensors.push_back({&info, {}, {}, {}});
        sizes.push_back(info.elements());
    }
    if (!counting.zeros && !counting.tile) return inspection;
    for_each_tensor(sizes, "Counting zeros", progress, [&](size_t i) {
        InspectedTensor& tensor = inspection.tensors[i];
        const MaskPtr mask = readable_saved_mask(checkpoint, i);
        if (mask) tensor.masked_zeros = zeros_in_file(checkpoint, i, mask.get());
        if (!counting.tile || tensor.info->shape.size() < 2 || !zero_test(tensor.info->dtype)) {
            tensor.zeros = zeros_in_file(checkpoint, i);
            return;
        }
        tensor.patterns = patterns_of(Mask::from_tensor(checkpoint.view(i)), *counting.tile);
        tensor.zeros = tensor.patterns->zeros;
        release_storage(checkpoint, tensor.info->storage);
    });
    return inspection;
}

std::vector<InspectedLayer> layers_of(const Inspection& inspection) {
    std::vector<InspectedLayer> layers;
    std::unordered_map<std::string_view, size_t> place;
    for (const InspectedTensor& tensor : inspection.tensors) {
        if (!tensor.zeros || !is_parameter(*tensor.info)) continue;
        const std::string_view name = tensor.info->name;
        const size_t dot = name.rfind('.');
        const std::string_view fqn = name.substr(0, dot == name.npos ? 0 : dot);
        const auto [at, is_new] = place.emplace(fqn, layers.size());
        if (is_new) layers.push_back({std::string(fqn), 0, 0});
        layers[at->second].params += tensor.info->elements();
        layers[at->second].zeros += tensor.zeros_in_use();
    }
    return layers;
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
        if (tensor.patterns) add_patterns(json, *tensor.patterns);
        return json;
    };
    std::string text = "{\n  \"format\": " + text_of(format_name(checkpoint.format())) +
                       ",\n  \"file_bytes\": " + text_of(checkpoint.file_bytes()) +
                       ",\n  \"parameters\": " + text_of(checkpoint.parameters()) +
                       ",\n  \"runnable\": " + text_of(checkpoint.runnable()) +
                       ",\n  \"tensors\": " + lines_of(inspection.tensors, tensor_json);
    const auto has_patterns = [](const InspectedTensor& tensor) { return tensor.patterns.has_value(); };
    if (std::any_of(inspection.tensors.begin(), inspection.tensors.end(), has_patterns))
        text += ",\n  \"layers\": " + lines_of(layers_of(inspection), [](const InspectedLayer& layer) {
                    return Json{{"name", layer.fqn},
                                {"params", layer.params},
                                {"zeros", layer.zeros},
                                {"sparsity", sparsity_of(layer.zeros, layer.params)}};
                });
    if (!checkpoint.notes().empty())
        text += ",\n  \"notes\": " + lines_of(checkpoint.notes(), [](const std::string& note) { return Json(note); });
    return text + "\n}\n";
}

}  // namespace lacuna
