#include "engine/session/data_pruning.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/tensor_loop.h"
#include "engine/tensor/runs.h"

namespace lacuna {
namespace {

/// First and one past the last byte that a tensor touches.
std::pair<const std::byte*, const std::byte*> extent_of(const DataRef& data) {
    if (data.view().elements() == 0) return {data.data, data.data};
    int64_t low = 0, high = 0;
    for (size_t i = 0; i < data.shape.size(); ++i) {
        const int64_t reach = (data.shape[i] - 1) * data.strides[i];
        (reach < 0 ? low : high) += reach;
    }
    const int64_t bytes = dtype_bits(data.dtype) / 8;
    return {data.data + low * bytes, data.data + (high + 1) * bytes};
}

/// Writes +0 wherever the mask prunes.
void zero_pruned(const Mask& mask, const DataRef& data) {
    const int64_t bytes = dtype_bits(data.dtype) / 8;
    int64_t i = 0;
    for_each_run(data.shape, data.strides, 0, mask.size(), [&](int64_t offset, int64_t stride, int64_t count) {
        for (int64_t j = 0; j < count; ++j, ++i)
            if (!mask[i]) std::memset(data.data + (offset + j * stride) * bytes, 0, size_t(bytes));
    });
}

/// The other way round from copy_contiguous.
void copy_into(const std::vector<std::byte>& values, const DataRef& data) {
    const int64_t bytes = dtype_bits(data.dtype) / 8;
    const std::byte* from = values.data();
    for_each_run(data.shape, data.strides, 0, data.view().elements(), [&](int64_t offset, int64_t stride, int64_t n) {
        for (int64_t j = 0; j < n; ++j, from += bytes)
            std::memcpy(data.data + (offset + j * stride) * bytes, from, size_t(bytes));
    });
}

std::vector<std::byte> values_of(const TensorView& view) {
    std::vector<std::byte> values(dtype_bytes(view.dtype, uint64_t(view.elements())));
    copy_contiguous(view, values.data());
    return values;
}

/// `base` with what was `given`, in its checked form.
Options overlaid(Options base, const Options& given, const Options& checked) {
    for (const auto& [name, value] : checked.values())
        if (given.has(name)) base.set(name, value);
    return base;
}

/// Complete options, whatever a state holds; levels may lie past the range, as a scheduler left them.
Options restored_options(const Sparsifier& rule, const Options& saved) {
    std::vector<OptionSpec> specs;
    for (const OptionSpec& spec : rule.options()) specs.push_back(without_range(spec));
    return overlaid(rule.complete({}), saved, completed(specs, saved, "sparsifier " + std::string(rule.name())));
}

void demand_shape(const std::string& name, const Mask& mask, const Shape& shape, const std::string& hint) {
    if (mask.shape() != shape)
        throw Error(ErrorKind::argument, name,
                    "its mask has shape " + to_string(mask.shape()) + ", the data " + to_string(shape), hint);
}

}  // namespace

DataRef data_ref(void* data, DType dtype, Shape shape) {
    Shape strides = contiguous_strides(shape);
    return {static_cast<std::byte*>(data), dtype, std::move(shape), std::move(strides)};
}

DataPruning::DataPruning(const Sparsifier& rule, const Options& defaults, Ties ties, Notice notice)
    : rule_(rule), defaults_(rule.complete(defaults)), ties_(ties), notice_(std::move(notice)) {
    rule_.check(defaults_, nullptr);
}

const DataPruning::Item* DataPruning::find(std::string_view name) const {
    const auto found = std::find_if(items_.begin(), items_.end(), [&](const Item& one) { return one.name == name; });
    return found == items_.end() ? nullptr : &*found;
}

const DataPruning::Item& DataPruning::item(std::string_view name) const {
    if (const Item* found = find(name)) return *found;
    throw Error(ErrorKind::argument, std::string(name), "there is no data of that name", "add it, or check the name");
}

Options DataPruning::options_for(const Options& base, const Options& given, const Shape& shape) const {
    Options full = overlaid(base, given, rule_.complete(given));
    rule_.check(full, &shape);
    return full;
}

void DataPruning::demand_alone(const std::string& name, const DataRef& data) const {
    const auto [begin, end] = extent_of(data);
    for (const Item& other : items_) {
        if (other.name == name) continue;
        const auto [other_begin, other_end] = extent_of(other.data);
        if (begin < other_end && other_begin < end)
            throw Error(ErrorKind::argument, name, "shares memory with " + other.name,
                        "add each tensor under one name: two masks on one tensor would multiply");
    }
}

void DataPruning::tell(DataNotice::Kind kind, const std::string& name, std::string text) const {
    if (notice_) notice_({kind, name, std::move(text)});
}

void DataPruning::add_data(const std::string& name, DataRef data, DataConfig config) {
    if (name.empty()) throw Error(ErrorKind::argument, "add_data", "the name is empty", "give the data a name");
    if (const auto reason = rule_.why_not(data.shape, data.dtype); !reason.empty())
        throw Error(ErrorKind::argument, name, reason, "leave this tensor out");
    demand_alone(name, data);
    const Item* old = find(name);
    Options options = options_for(old ? old->options : defaults_, config.options, data.shape);
    MaskPtr mask = config.mask;
    if (old && config.reuse_mask) {
        mask = old->mask;
        demand_shape(name, *mask, data.shape, "give data of that shape, or do not reuse the mask");
    }
    if (!mask) mask = std::make_shared<const Mask>(Mask::ones(data.shape));
    demand_shape(name, *mask, data.shape, "give a mask of the data's shape");

    if (old) tell(DataNotice::Kind::replaced, name, "replaces the data of that name; was another name meant?");
    if (config.options.has("sparse_block_shape") && !config.options.has("zeros_per_block") &&
        options.has("zeros_per_block"))
        tell(DataNotice::Kind::kept_zeros, name,
             "has another block shape and still " + lacuna::to_string(options.values().at("zeros_per_block")) +
                 " zeros per block; set zeros_per_block too");
    Item added{name, std::move(data), std::move(options), std::move(mask), false, nullptr};
    if (old)
        items_[size_t(old - items_.data())] = std::move(added);
    else
        items_.push_back(std::move(added));
}

bool DataPruning::has(std::string_view name) const {
    return find(name) != nullptr;
}

const Options& DataPruning::options(std::string_view name) const {
    return item(name).options;
}

const Mask& DataPruning::get_mask(std::string_view name) const {
    return *item(name).mask;
}

bool DataPruning::squashed(std::string_view name) const {
    return item(name).squashed;
}

TensorView DataPruning::get_data(std::string_view name) const {
    const Item& one = item(name);
    if (one.squashed)
        throw Error(ErrorKind::state, one.name, "is squashed: its original values are gone", "ask for the masked ones");
    return one.data.view();
}

std::vector<std::byte> DataPruning::get_masked(std::string_view name) const {
    const Item& one = item(name);
    if (one.squashed) return values_of(one.data.view());
    std::vector<std::byte> values(dtype_bytes(one.data.dtype, uint64_t(one.mask->size())));
    apply_mask(*one.mask, one.data.view(), values.data());
    return values;
}

void DataPruning::relink(std::string_view name, DataRef data) {
    Item& one = items_[size_t(&item(name) - items_.data())];
    if (data.dtype != one.data.dtype || data.shape != one.data.shape)
        throw Error(ErrorKind::argument, one.name, "is another kind of tensor now than when it was added",
                    "add it again");
    one.data = std::move(data);
    one.own = nullptr;
}

void DataPruning::set_option(const std::string& option, const std::map<std::string, double, std::less<>>& values) {
    std::vector<Item> changed = items_;
    for (const auto& [name, value] : values) {
        const Item& one = item(name);
        rule_.set_number(changed[size_t(&one - items_.data())].options, option, value);
    }
    items_ = std::move(changed);
}

void DataPruning::step(Progress& progress) {
    if (!enable_mask_update) return;
    std::vector<size_t> live;
    std::vector<int64_t> sizes;
    for (size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].squashed) continue;
        live.push_back(i);
        sizes.push_back(items_[i].mask->size());
    }
    std::vector<MaskPtr> next(live.size());
    for_each_tensor(sizes, "Pruning", progress, [&](size_t i) {
        const Item& one = items_[live[i]];
        const Mask ones = Mask::ones(one.data.shape);  // nothing scores 0 for having been pruned before
        next[i] = std::make_shared<const Mask>(rule_.compute({one.data.view(), &ones, &one.options, ties_, one.name}));
    });
    for (size_t i = 0; i < live.size(); ++i) items_[live[i]].mask = std::move(next[i]);
    ++steps_;
}

void DataPruning::step() {
    Progress silent;
    step(silent);
}

void DataPruning::squash_mask(const std::optional<std::vector<std::string>>& names, bool leave_parametrized) {
    std::vector<size_t> chosen;
    if (names) {
        for (const auto& name : *names) chosen.push_back(size_t(&item(name) - items_.data()));
        std::sort(chosen.begin(), chosen.end());
        chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    } else {
        for (size_t i = 0; i < items_.size(); ++i)
            if (!items_[i].squashed) chosen.push_back(i);
        if (chosen.empty() && !items_.empty())
            throw Error(ErrorKind::state, "squash_mask", "everything is squashed already", "squash once");
    }
    for (const size_t i : chosen)
        if (items_[i].squashed)
            throw Error(ErrorKind::state, items_[i].name, "is squashed already", "squash each tensor once");
    for (const size_t i : chosen) {
        if (leave_parametrized) zero_pruned(*items_[i].mask, items_[i].data);
        items_[i].squashed = true;
    }
}

DataPruningState DataPruning::state() const {
    DataPruningState state{std::string(rule_.name()), defaults_, enable_mask_update, steps_, {}};
    for (const Item& one : items_)
        state.items.push_back({one.name, one.options, one.mask, one.squashed, one.data.dtype, one.data.shape,
                               values_of(one.data.view())});
    return state;
}

DataPruning::Item DataPruning::restored(const DataPruningState::Item& saved) const {
    if (saved.name.empty() || !saved.mask)
        throw Error(ErrorKind::argument, "load_state", "an item has no name or no mask", "load a whole state");
    demand_shape(saved.name, *saved.mask, saved.shape, "load a state that was saved whole");
    if (saved.values.size() != dtype_bytes(saved.dtype, uint64_t(saved.mask->size())))
        throw Error(ErrorKind::argument, saved.name, "has values of another length than its shape",
                    "load a whole state");
    if (const auto reason = rule_.why_not(saved.shape, saved.dtype); !reason.empty())
        throw Error(ErrorKind::argument, saved.name, reason, "load the state of data that can be pruned");
    Item one{saved.name, {}, restored_options(rule_, saved.options), saved.mask, saved.squashed, nullptr};
    rule_.check(one.options, &saved.shape);
    const Item* here = find(saved.name);
    if (here && here->data.dtype == saved.dtype && here->data.shape == saved.shape) {
        one.data = here->data;
        one.own = here->own;
    } else {
        one.own = std::make_shared<std::vector<std::byte>>(saved.values);
        one.data = data_ref(one.own->data(), saved.dtype, saved.shape);
    }
    return one;
}

void DataPruning::load_state(const DataPruningState& state, bool strict) {
    if (state.sparsifier != rule_.name())
        throw Error(ErrorKind::argument, "load_state", "the state is of sparsifier " + state.sparsifier,
                    "load it into a data pruning by that sparsifier");
    Options defaults = restored_options(rule_, state.defaults);
    std::vector<Item> items;
    if (!strict) items = items_;
    std::vector<std::pair<DataRef, const std::vector<std::byte>*>> writes;
    for (const auto& saved : state.items) {
        const bool twice =
            std::any_of(items.begin(), items.end(), [&](const Item& one) { return one.name == saved.name; });
        if (twice && (strict || !has(saved.name)))
            throw Error(ErrorKind::argument, saved.name, "comes twice in the state",
                        "load a state that was saved whole");
        if (twice) continue;
        items.push_back(restored(saved));
        writes.emplace_back(items.back().data, &saved.values);
    }
    for (const auto& [data, values] : writes) copy_into(*values, data);
    items_ = std::move(items);
    if (!strict) return;
    defaults_ = std::move(defaults);
    enable_mask_update = state.enable_mask_update;
    steps_ = state.steps;
}

DataPruning DataPruning::copy() const {
    DataPruning copied(rule_, {}, ties_, notice_);
    copied.load_state(state());
    return copied;
}

std::string DataPruning::to_string() const {
    std::string text = std::string(rule_.name()) + " of " + std::to_string(items_.size()) + " tensors\n";
    for (const Item& one : items_) {
        text += "  " + one.name + " " + lacuna::to_string(one.data.shape) + (one.squashed ? ", squashed" : "") + "\n";
        for (const auto& [name, value] : one.options.values())
            text += "    " + name + ": " + lacuna::to_string(value) + "\n";
    }
    return text;
}

}  // namespace lacuna
