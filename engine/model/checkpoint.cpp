#include "engine/model/checkpoint.h"

#include <array>
#include <utility>

#include "engine/base/error.h"
#include "engine/model/prepared_names.h"

namespace lacuna {
namespace {

constexpr std::array<std::pair<Format, std::string_view>, 5> format_names{{
    {Format::safetensors, "safetensors"},
    {Format::safetensors_sharded, "safetensors-sharded"},
    {Format::torch_zip, "torch-zip"},
    {Format::torch_legacy, "torch-legacy"},
    {Format::torchscript, "torchscript"},
}};

template <class Map, class Key>
std::vector<size_t> values_at(const Map& map, const Key& key) {
    std::vector<size_t> values;
    const auto [begin, end] = map.equal_range(key);
    for (auto at = begin; at != end; ++at) values.push_back(at->second);
    return values;
}

}  // namespace

std::string_view format_name(Format format) {
    return format_names[size_t(format)].second;
}

std::optional<Format> format_from_name(std::string_view name) {
    for (const auto& [format, its_name] : format_names)
        if (its_name == name) return format;
    return std::nullopt;
}

bool in_training_state(std::string_view name) {
    return name.starts_with("optimizer") || name.find(".optimizer") != std::string_view::npos ||
           name.starts_with("sparsifier.state.") || name.find(".sparsifier.state.") != std::string_view::npos;
}

bool is_parameter(const TensorInfo& tensor) {
    return tensor.role != TensorRole::buffer && !in_training_state(tensor.name);
}

std::optional<size_t> Checkpoint::find(std::string_view name) const {
    const auto at = by_name_.find(name);
    if (at == by_name_.end()) return std::nullopt;
    return at->second;
}

TensorView Checkpoint::view(size_t index) const {
    const TensorInfo& tensor = tensors_.at(index);
    return {storages_[tensor.storage].data + tensor.offset, tensor.dtype, tensor.shape, tensor.strides};
}

int64_t Checkpoint::parameters() const {
    int64_t sum = 0;
    for (const TensorInfo& tensor : tensors_)
        if (is_parameter(tensor)) sum += tensor.elements();
    return sum;
}

void Checkpoint::finish() {
    by_name_.reserve(tensors_.size());
    for (size_t i = 0; i < tensors_.size(); ++i)
        if (!by_name_.emplace(tensors_[i].name, i).second)
            throw Error(ErrorKind::format, path_.string(), "two tensors are called " + tensors_[i].name);
    find_saved_masks();
    find_prepared();
}

void Checkpoint::find_saved_masks() {
    for (size_t i = 0; i < tensors_.size(); ++i) {
        const auto original = original_of_mask(tensors_[i].name);
        if (!original) continue;
        const auto tensor = find(*original);
        if (tensor || is_parametrization(tensors_[i].name)) tensors_[i].role = TensorRole::buffer;
        if (!tensor) continue;
        saved_masks_.emplace(*tensor, i);
        if (const std::string reason = why_no_mask_of(tensors_[i], tensors_[*tensor]); !reason.empty())
            notes_.push_back(tensors_[i].name + " is called the mask of " + *original + ", but " + reason);
    }
}

void Checkpoint::find_prepared() {
    for (size_t i = 0; i < tensors_.size(); ++i)
        if (std::string plain = plain_name(i); plain != tensors_[i].name) prepared_.emplace(std::move(plain), i);
}

std::vector<size_t> Checkpoint::saved_masks(size_t tensor) const {
    return values_at(saved_masks_, tensor);
}

std::vector<size_t> Checkpoint::prepared(std::string_view plain) const {
    return values_at(prepared_, plain);
}

std::optional<size_t> Checkpoint::mask_of(size_t index) const {
    if (saved_masks_.empty()) return std::nullopt;
    const auto original = original_of_mask(tensors_[index].name);
    return original ? find(*original) : std::nullopt;
}

std::string Checkpoint::plain_name(size_t index) const {
    const std::string& name = tensors_[index].name;
    return name.ends_with(".original") || saved_masks_.contains(index) ? unprepared_name(name) : name;
}

}  // namespace lacuna
