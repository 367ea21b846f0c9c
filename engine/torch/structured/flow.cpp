#include "engine/torch/structured/flow.h"

namespace lacuna::structured {

double Flow::constant_value(size_t channel) const {
    const at::Tensor slice = tensor().select(channels.dim, int64_t(channel));
    return slice.numel() == 0 ? 0 : slice.reshape({-1})[0].item<double>();
}

std::vector<uint8_t> empty_slices(const at::Tensor& tensor, int64_t axis) {
    std::vector<uint8_t> empty(size_t(tensor.size(axis)), 1);
    if (tensor.numel() == 0) return empty;
    const at::Tensor used = tensor.transpose(0, axis).reshape({tensor.size(axis), -1}).ne(0).any(1).cpu().contiguous();
    for (size_t i = 0; i < empty.size(); ++i) empty[i] = !used.data_ptr<bool>()[i];
    return empty;
}

std::vector<Channel> channels_along(const Flow& flow, int64_t dim) {
    if (flow.channels.known() && flow.channels.dim == dim) return flow.channels.ids;
    return std::vector<Channel>(size_t(flow.tensor().size(dim)), fixed);
}

int64_t Parameters::index_of(const at::Tensor& tensor, const std::string& fqn) {
    for (size_t i = 0; i < all_.size(); ++i) {
        const at::Tensor& known = all_[i].tensor;
        if (known.is_same(tensor) ||
            (known.numel() > 0 && known.data_ptr() == tensor.data_ptr() && known.sizes() == tensor.sizes() &&
             known.strides() == tensor.strides() && known.scalar_type() == tensor.scalar_type()))
            return int64_t(i);
    }
    all_.push_back({fqn, tensor, std::vector<std::vector<Channel>>(size_t(tensor.dim())), -1, false, {}});
    return int64_t(all_.size()) - 1;
}

void Parameters::attach(int64_t index, int64_t axis, const std::vector<Channel>& ids) {
    Parameter& parameter = at(index);
    if (parameter.whole) bonds_.keep(ids, parameter.why);
    auto& known = parameter.axes[size_t(axis)];
    if (known.empty())
        known = ids;
    else
        bonds_.join(known, ids, parameter.fqn + " is used twice, the other time on channels that stay");
}

std::vector<Channel> Parameters::rows(int64_t index, int64_t axis) {
    Parameter& parameter = at(index);
    parameter.row_axis = axis;
    auto& known = parameter.axes[size_t(axis)];
    if (known.empty()) {
        for (int64_t i = 0; i < parameter.tensor.size(axis); ++i) known.push_back(bonds_.add());
        if (parameter.whole) bonds_.keep(known, parameter.why);
    }
    return known;
}

void Parameters::keep_whole(int64_t index, const std::string& why) {
    Parameter& parameter = at(index);
    if (!parameter.whole) parameter.why = why;
    parameter.whole = true;
    for (const auto& axis : parameter.axes) bonds_.keep(axis, why);
}

}  // namespace lacuna::structured
