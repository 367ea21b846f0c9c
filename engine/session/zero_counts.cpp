#include "engine/session/zero_counts.h"

#include <algorithm>
#include <exception>
#include <numeric>

#include "engine/formats/file_checkpoint.h"
#include "engine/mask/nonzero.h"
#include "engine/session/shared_masks.h"
#include "engine/session/zeros.h"

namespace lacuna {
namespace {

constexpr int64_t small_weights = int64_t(1) << 16;
constexpr int64_t slice_weights = int64_t(1) << 24;

bool countable(const TensorInfo& info) {
    return is_parameter(info) && zero_test(info.dtype).has_value();
}

/// Bytes of the storage that a tensor reaches over.
struct Reach {
    size_t tensor;
    uint64_t storage, begin, end;
};

Reach reach_of(const TensorInfo& info, size_t tensor) {
    int64_t last = 0;
    for (size_t d = 0; d < info.shape.size(); ++d) last += (info.shape[d] - 1) * info.strides[d];
    const uint64_t elements = info.elements() > 0 ? uint64_t(last) + 1 : 0;
    return {tensor, info.storage, info.offset, info.offset + dtype_bytes(info.dtype, elements)};
}

/// Tensors whose reaches overlap belong together.
std::vector<std::vector<size_t>> units_in(const std::vector<TensorInfo>& tensors) {
    std::vector<Reach> reaches;
    for (size_t i = 0; i < tensors.size(); ++i)
        if (countable(tensors[i])) reaches.push_back(reach_of(tensors[i], i));
    std::stable_sort(reaches.begin(), reaches.end(), [](const Reach& a, const Reach& b) {
        return std::pair(a.storage, a.begin) < std::pair(b.storage, b.begin);
    });
    std::vector<std::vector<size_t>> units;
    Reach last{};
    for (const Reach& reach : reaches) {
        const bool joins = !units.empty() && last.storage == reach.storage && reach.begin < last.end;
        if (!joins) units.emplace_back();
        units.back().push_back(reach.tensor);
        last = {reach.tensor, reach.storage, reach.begin, joins ? std::max(last.end, reach.end) : reach.end};
    }
    return units;
}

/// The masks of a unit as an export lays them on; all null where there are none.
std::vector<MaskPtr> laid_on(const ZeroWork& unit, MaskPtr CountedZeros::*which, const Checkpoint& checkpoint) {
    std::vector<MaskPtr> masks;
    for (const CountedZeros& one : unit.counted) masks.push_back(one.*which);
    if (std::none_of(masks.begin(), masks.end(), [](const MaskPtr& mask) { return mask != nullptr; })) return masks;
    MaskSet set;
    for (size_t i = 0; i < masks.size(); ++i) {
        const TensorInfo& info = checkpoint.tensors()[unit.tensors[i]];
        set.emplace(info.name, masks[i] ? masks[i] : std::make_shared<const Mask>(Mask::ones(info.shape)));
    }
    spread_over_shared_storage(checkpoint, set);
    for (size_t i = 0; i < masks.size(); ++i) masks[i] = set.at(checkpoint.tensors()[unit.tensors[i]].name);
    return masks;
}

/// Zeros once `mask` is laid on a tensor that has `own` ones, whose other weights are `nonzero` (null: `own` is 0).
int64_t zeros_under(const MaskPtr& mask, const MaskPtr& nonzero, int64_t own) {
    if (!mask) return own;
    if (!nonzero) return mask->pruned();
    return mask->size() - (*mask & *nonzero).kept();
}

void count(CountedZeros& one, const TensorView& view, const MaskPtr& stepped, const MaskPtr& shown,
           const CancelToken& token) {
    TensorZeros& zeros = one.zeros;
    if (!stepped && !shown) {
        one.nonzero = nullptr;
        if (!zeros.known) zeros.own = count_zeros(view, nullptr, token).value();
    } else if (!one.nonzero && (!zeros.known || zeros.own > 0)) {
        auto nonzero = std::make_shared<const Mask>(Mask::from_tensor(view));
        zeros.own = nonzero->pruned();
        if (zeros.own > 0) one.nonzero = std::move(nonzero);
    }
    zeros.stepped = zeros_under(stepped, one.nonzero, zeros.own);
    zeros.shown = shown == stepped ? zeros.stepped : zeros_under(shown, one.nonzero, zeros.own);
    zeros.known = true;
}

void count(ZeroWork& unit, const Checkpoint& checkpoint, const CancelToken& token) {
    const std::vector<MaskPtr> stepped = laid_on(unit, &CountedZeros::stepped, checkpoint);
    const std::vector<MaskPtr> shown = laid_on(unit, &CountedZeros::shown, checkpoint);
    for (size_t i = 0; i < unit.tensors.size(); ++i) {
        count(unit.counted[i], checkpoint.view(unit.tensors[i]), stepped[i], shown[i], token);
        release_storage(checkpoint, checkpoint.tensors()[unit.tensors[i]].storage);
    }
}

}  // namespace

void count(std::vector<ZeroWork>& work, const Checkpoint& checkpoint, const CancelToken& token) {
    for (ZeroWork& unit : work) {
        if (token.cancelled()) return;
        for (CountedZeros& one : unit.counted) one.zeros.coming = false;
        try {
            count(unit, checkpoint, token);
        } catch (const std::exception&) {  // no memory: the masks' own counts have to serve
            for (CountedZeros& one : unit.counted) one.zeros.known = false;
        }
    }
}

void ZeroCounts::start_over(const Checkpoint* checkpoint) {
    *this = {};
    if (!checkpoint) return;
    const std::vector<TensorInfo>& tensors = checkpoint->tensors();
    counted_.resize(tensors.size());
    unit_of_.resize(tensors.size());
    alone_.resize(tensors.size());
    units_ = units_in(tensors);
    const auto weights_of = [&](const std::vector<size_t>& unit) {
        return std::accumulate(unit.begin(), unit.end(), int64_t(0),
                               [&](int64_t sum, size_t tensor) { return sum + tensors[tensor].elements(); });
    };
    std::sort(units_.begin(), units_.end());  // the file's order
    std::stable_partition(units_.begin(), units_.end(),
                          [&](const auto& unit) { return weights_of(unit) <= small_weights; });
    for (const auto& unit : units_) {
        weights_.push_back(weights_of(unit));
        for (const size_t tensor : unit) {
            const Reach reach = reach_of(tensors[tensor], tensor);
            alone_[tensor] = unit.size() == 1 && reach.end - reach.begin == tensors[tensor].bytes();
            unit_of_[tensor] = &unit;
            counted_[tensor].zeros.coming = true;
        }
    }
}

void ZeroCounts::follow(const Document& document) {
    for (size_t i = 0; i < counted_.size(); ++i) {
        CountedZeros& one = counted_[i];
        const TensorState& state = *document.tensors[i];
        if (!alone_[i] || !one.zeros.known || one.zeros.own > 0) continue;
        if (one.stepped != state.stepped) one.zeros.stepped = zeros_under(state.stepped, nullptr, 0);
        if (one.shown != state.shown) one.zeros.shown = state.shown ? state.shown->size() - state.kept : 0;
        one.stepped = state.stepped;
        one.shown = state.shown;
    }
}

bool ZeroCounts::up_to_date(const std::vector<size_t>& unit, const Document& document) const {
    return std::all_of(unit.begin(), unit.end(), [&](size_t tensor) {
        const CountedZeros& one = counted_[tensor];
        const TensorState& state = *document.tensors[tensor];
        return !one.zeros.coming && one.stepped == state.stepped && one.shown == state.shown;
    });
}

std::vector<ZeroWork> ZeroCounts::next_work(const Document& document, std::optional<size_t> focus) const {
    std::vector<ZeroWork> work;
    int64_t weights = 0;
    const auto add = [&](const std::vector<size_t>& unit) {
        ZeroWork item{unit, {}};
        for (const size_t tensor : unit) {
            item.counted.push_back(counted_[tensor]);
            item.counted.back().stepped = document.tensors[tensor]->stepped;
            item.counted.back().shown = document.tensors[tensor]->shown;
        }
        work.push_back(std::move(item));
    };
    const std::vector<size_t>* first = focus && *focus < unit_of_.size() ? unit_of_[*focus] : nullptr;
    if (first && !up_to_date(*first, document)) add(*first);
    for (size_t i = 0; i < units_.size() && weights < slice_weights; ++i) {
        if (&units_[i] == first || up_to_date(units_[i], document)) continue;
        if (!work.empty() && weights + weights_[i] > slice_weights) break;
        add(units_[i]);
        weights += weights_[i];
    }
    return work;
}

void ZeroCounts::take(std::vector<ZeroWork>& work) {
    for (ZeroWork& unit : work)
        for (size_t i = 0; i < unit.tensors.size(); ++i) counted_[unit.tensors[i]] = std::move(unit.counted[i]);
}

std::vector<TensorZeros> ZeroCounts::zeros() const {
    std::vector<TensorZeros> all;
    all.reserve(counted_.size());
    for (const CountedZeros& one : counted_) all.push_back(one.zeros);
    return all;
}

}  // namespace lacuna
