#include "engine/model/guess_type.h"

#include <algorithm>
#include <cctype>

#include "engine/model/prepared_names.h"

namespace lacuna {
namespace {

std::string last_part(const std::string& name) {
    return name.substr(name.rfind('.') + 1);  // npos + 1 is 0
}

const TensorInfo* called(const std::vector<const TensorInfo*>& tensors, std::string_view name) {
    for (const TensorInfo* tensor : tensors)
        if (last_part(unprepared_name(tensor->name)) == name) return tensor;
    return nullptr;
}

bool sounds_like_embedding(std::string_view name) {
    std::string lower(name);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    if (lower.find("embed") != std::string::npos || lower == "wte" || lower == "wpe") return true;
    return lower == "emb" || lower.starts_with("emb_") || lower.ends_with("_emb") || lower == "shared";
}

/// LSTM, GRU and RNN stack 4, 3 and 1 gates of `hidden` rows; weight_hh_l0 is gates·hidden × hidden.
std::string recurrent_type(const TensorInfo& hidden_weight) {
    const Shape& shape = hidden_weight.shape;
    if (shape.size() != 2 || shape[1] == 0) return "RNN";
    const int64_t gates = shape[0] / shape[1];
    return gates == 4 ? "LSTM" : gates == 3 ? "GRU" : "RNN";
}

}  // namespace

std::string guess_layer_type(std::string_view name, const std::vector<const TensorInfo*>& tensors) {
    if (called(tensors, "running_mean")) return "BatchNorm";
    if (const TensorInfo* hidden = called(tensors, "weight_hh_l0")) return recurrent_type(*hidden);
    if (const TensorInfo* hidden = called(tensors, "weight_hh")) return recurrent_type(*hidden) + "Cell";
    if (called(tensors, "in_proj_weight")) return "MultiheadAttention";
    const TensorInfo* weight = called(tensors, "weight");
    if (!weight) return "";
    switch (weight->shape.size()) {
        case 1:
            return "Norm";
        case 2:
            return sounds_like_embedding(name) && !called(tensors, "bias") ? "Embedding" : "Linear";
        case 3:
            return "Conv1d";
        case 4:
            return "Conv2d";
        case 5:
            return "Conv3d";
        default:
            return "";
    }
}

}  // namespace lacuna
