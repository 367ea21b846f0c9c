#include "engine/session/mask_work.h"

#include <algorithm>
#include <new>

#include "engine/base/error.h"
#include "engine/base/tensor_loop.h"
#include "engine/session/calibration.h"
#include "engine/session/mask_units.h"

namespace lacuna {
namespace {

constexpr int64_t slice_elements = int64_t(8) << 20;

MaskWork work_for(const Document& document, std::vector<size_t> unit) {
    MaskWork work{std::move(unit), {}, {}, {}};
    for (const size_t tensor : work.tensors) work.states.push_back(document.tensors[tensor]);
    return work;
}

int64_t elements(const Document& document, const MaskWork& work) {
    int64_t count = 0;
    for (const size_t tensor : work.tensors) count += document.info(tensor).elements();
    return count;
}

void compute(const Document& document, MaskWork& work, const Progress& progress) {
    try {
        work.masks = next_masks(document, work.tensors, progress);
    } catch (const Cancelled&) {
        throw;
    } catch (const std::bad_alloc&) {
        work.problem = "there is not enough memory for this mask; close what else is open";
    } catch (const std::exception& error) {
        work.problem = error.what();
    }
}

}  // namespace

std::vector<MaskWork> preview_work(const Document& document, std::optional<size_t> focus, bool calibrating) {
    const auto outdated = [&](size_t i) { return document.tensors[i]->computing; };
    const auto waits = [&](size_t i) { return calibrating && is_uncalibrated(document, i); };
    std::vector<std::vector<size_t>> units = units_of(document.tensors);
    std::erase_if(units, [&](const auto& unit) {
        return std::none_of(unit.begin(), unit.end(), outdated) || std::any_of(unit.begin(), unit.end(), waits);
    });
    if (focus) {
        const auto first = std::find_if(units.begin(), units.end(), [&](const auto& unit) {
            return std::find(unit.begin(), unit.end(), *focus) != unit.end();
        });
        if (first != units.end()) std::rotate(units.begin(), first, first + 1);
    }
    std::vector<MaskWork> work;
    int64_t taken = 0;
    for (size_t i = 0; i < units.size() && taken < slice_elements; ++i) {
        work.push_back(work_for(document, std::move(units[i])));
        taken += elements(document, work.back());
    }
    return work;
}

std::vector<MaskWork> step_work(const Document& document) {
    const auto at_hand = [&](size_t i) { return document.tensors[i]->pending() && !document.tensors[i]->computing; };
    std::vector<MaskWork> work;
    for (auto& unit : units_of(document.tensors))
        if (!std::all_of(unit.begin(), unit.end(), at_hand)) work.push_back(work_for(document, std::move(unit)));
    return work;
}

void compute_masks(const Document& document, std::vector<MaskWork>& work, Progress& progress) {
    std::vector<int64_t> sizes;
    for (const MaskWork& item : work) sizes.push_back(elements(document, item));
    for_each_tensor(sizes, "Computing masks", progress, [&](size_t i) { compute(document, work[i], progress); });
}

void compute_masks(const Document& document, std::vector<MaskWork>& work, const CancelToken& token) {
    Progress progress({}, token);
    try {
        compute_masks(document, work, progress);
    } catch (const Cancelled&) {
    }
}

}  // namespace lacuna
