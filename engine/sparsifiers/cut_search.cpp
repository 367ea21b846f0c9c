#include "engine/sparsifiers/cut_search.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <numeric>

#include "engine/base/tensor_loop.h"
#include "engine/kernels/look_about.h"
#include "engine/sparsifiers/cut_sample.h"

namespace lacuna {
namespace {

using kernels::Bracket;
using kernels::Cut;
using kernels::KeyReader;
using kernels::Looked;

constexpr int bin_bits = 16;

template <typename Key>
class CutSearch {
  public:
    CutSearch(const UnitKeys<Key>& keys, int64_t k, Progress& progress, const TensorsLeft& left, CutLimits limits)
        : keys_(keys),
          k_(k),
          total_(std::accumulate(keys.counts.begin(), keys.counts.end(), int64_t(0))),
          unsampled_(limits.unsampled),
          room_(limits.kept_bytes / int64_t(sizeof(Key))),
          progress_(progress),
          left_(left) {}

    std::vector<Cut<Key>> run() {
        if (k_ <= 0) return std::vector<Cut<Key>>(keys_.counts.size(), Cut<Key>{0, 0, 1});
        if (k_ >= total_) return std::vector<Cut<Key>>(keys_.counts.size(), Cut<Key>{kernels::nan_key<Key>, 1, 1});
        Bracket<Key> bracket{0, kernels::nan_key<Key>};
        if (total_ > unsampled_) bracket = sampled_bracket(keys_, k_, progress_, left_);
        if (!look_about(bracket)) look_about(certain_bracket());
        return cuts();
    }

  private:
    /// Looks at all keys; tells whether the cut is among those at or in the bracket, and all of these were kept.
    bool look_about(Bracket<Key> bracket) {
        bracket_ = bracket;
        looked_.assign(keys_.counts.size(), {});
        std::atomic<int64_t> inside_so_far = 0;
        for_each([&](size_t i, const KeyReader<Key>& reader) {
            const int64_t room = std::max<int64_t>(0, room_ - inside_so_far);
            looked_[i] = kernels::look_about(reader, keys_.counts[i], bracket, room);
            inside_so_far += looked_[i].inside;
        });
        below_ = sum(&Looked<Key>::below);
        const int64_t inside = sum(&Looked<Key>::inside);
        const int64_t up_to_low = below_ + sum(&Looked<Key>::at_low);
        const bool among_kept = k_ > up_to_low && k_ <= up_to_low + inside;
        return k_ > below_ && k_ <= up_to_low + inside + sum(&Looked<Key>::at_high) && (!among_kept || inside <= room_);
    }

    int64_t sum(int64_t Looked<Key>::*part) const {
        int64_t all = 0;
        for (const Looked<Key>& one : looked_) all += one.*part;
        return all;
    }

    /// The cut of each tensor, from what was looked at.
    std::vector<Cut<Key>> cuts() {
        int64_t rank = k_ - below_;
        if (const int64_t ties = sum(&Looked<Key>::at_low); rank <= ties)
            return share_out(bracket_.low, rank, [](const Looked<Key>& one) { return one.at_low; });
        else
            rank -= ties;
        if (const int64_t inside = sum(&Looked<Key>::inside); rank > inside)
            return share_out(bracket_.high, rank - inside, [](const Looked<Key>& one) { return one.at_high; });
        return cuts_inside(rank);
    }

    std::vector<Cut<Key>> cuts_inside(int64_t rank) {
        std::vector<Key> kept;
        kept.reserve(size_t(sum(&Looked<Key>::inside)));
        for (Looked<Key>& one : looked_) {
            kept.insert(kept.end(), one.found.begin(), one.found.end());
            std::vector<Key>().swap(one.found);
        }
        const KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return kept.data() + begin; };
        const auto size = int64_t(kept.size());
        const Cut<Key> cut = kernels::find_cut_between(reader, size, rank, bracket_.low, bracket_.high);
        return share_out(cut.key, cut.equal, [&, next = kept.begin()](const Looked<Key>& one) mutable {
            const auto begin = next;
            return int64_t(std::count(begin, next += one.inside, cut.key));
        });
    }

    /// `equal` of the keys that equal `key` are selected: all of the first tensors', a part of one tensor's, no more.
    template <typename Ties>
    std::vector<Cut<Key>> share_out(Key key, int64_t equal, Ties&& ties_of) const {
        std::vector<Cut<Key>> cuts;
        for (const Looked<Key>& one : looked_) {
            const int64_t ties = ties_of(one), here = std::min(ties, equal);
            cuts.push_back({key, here, ties});
            equal -= here;
        }
        return cuts;
    }

    /// Finds the upper bits of the cut, some at each pass, until so few keys share them that they can be kept.
    Bracket<Key> certain_bracket() {
        int shift = std::bit_width(kernels::nan_key<Key>);
        Key low = 0;
        int64_t rank = k_, candidates = total_;
        while (shift > 0 && candidates > room_) {
            const int width = std::min(bin_bits, shift);
            shift -= width;
            std::vector<int64_t> bins(size_t(1) << width);
            std::mutex mutex;
            for_each([&](size_t i, const KeyReader<Key>& reader) {
                std::vector<int64_t> mine(bins.size());
                kernels::count_in_bins<Key>(reader, keys_.counts[i], low, shift, mine);
                std::lock_guard lock(mutex);
                for (size_t bin = 0; bin < bins.size(); ++bin) bins[bin] += mine[bin];
            });
            size_t bin = 0;
            for (; rank > bins[bin]; ++bin) rank -= bins[bin];
            low += Key(bin) << shift;
            candidates = bins[bin];
        }
        return {low, Key(low + ((Key(1) << shift) - 1))};
    }

    /// One pass over all keys.
    void for_each(const std::function<void(size_t i, const KeyReader<Key>&)>& look) {
        for_each_tensor(
            keys_.weights, "Finding the cut", progress_,
            [&](size_t i) { keys_.open(i, [&](const KeyReader<Key>& reader) { look(i, reader); }); }, left_);
    }

    const UnitKeys<Key>& keys_;
    int64_t k_, total_, unsampled_, room_;
    Progress& progress_;
    const TensorsLeft& left_;
    Bracket<Key> bracket_;
    std::vector<Looked<Key>> looked_;  // by tensor
    int64_t below_ = 0;
};

}  // namespace

template <typename Key>
std::vector<Cut<Key>> find_cuts(const UnitKeys<Key>& keys, int64_t k, Progress& progress, const TensorsLeft& left,
                                CutLimits limits) {
    return CutSearch<Key>(keys, k, progress, left, limits).run();
}

template std::vector<Cut<kernels::Key32>> find_cuts(const UnitKeys<kernels::Key32>&, int64_t, Progress&,
                                                    const TensorsLeft&, CutLimits);
template std::vector<Cut<kernels::Key64>> find_cuts(const UnitKeys<kernels::Key64>&, int64_t, Progress&,
                                                    const TensorsLeft&, CutLimits);

}  // namespace lacuna
