#include "engine/sparsifiers/cut_sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lacuna {
namespace {

constexpr int64_t most_places = 2048, weights_a_place = 4096, keys_a_sampled_key = 64;

/// Keys that lie one behind the other, in a tensor's or over several of them.
struct Run {
    int64_t begin = 0, count = 0;
};

/// Places in keys that are alike.
using Stratum = std::vector<Run>;

/// Every tensor of `large` keys or more, and every run of smaller ones.
std::vector<Run> strata_of(const std::vector<int64_t>& counts, int64_t large) {
    std::vector<Run> strata{{}};
    for (const int64_t count : counts) {
        const int64_t end = strata.back().begin + strata.back().count;
        if (count < large) {
            strata.back().count += count;
        } else {
            strata.push_back({end, count});
            strata.push_back({end + count, 0});
        }
    }
    std::erase_if(strata, [](const Run& run) { return run.count == 0; });
    return strata;
}

/// Where to look: in each stratum twice at least.
std::vector<Stratum> places_in(const std::vector<int64_t>& counts, int64_t keys_a_place) {
    const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t(0));
    const int64_t wanted = std::clamp<int64_t>(total / (keys_a_sampled_key * keys_a_place), 2, most_places);
    const int64_t stride = std::max<int64_t>(1, total / wanted);
    std::vector<Stratum> strata;
    for (const Run& run : strata_of(counts, stride)) {
        const int64_t places =
            std::clamp<int64_t>((run.count + stride - 1) / stride, 2, std::max<int64_t>(2, run.count));
        const double share = double(run.count) / double(stride) * double(keys_a_place) / double(places);
        const auto here = std::clamp<int64_t>(std::llround(share), 1, std::max<int64_t>(1, run.count / places));
        Stratum& stratum = strata.emplace_back();
        for (int64_t i = 0; i < places; ++i)
            stratum.push_back(
                {run.begin + int64_t(double(run.count - here) * (double(i) + 0.5) / double(places)), here});
    }
    return strata;
}

/// Reads keys by their places among those of all tensors, front to back.
template <typename Key>
class Reader {
  public:
    Reader(const UnitKeys<Key>& keys, const TensorsLeft& left) : keys_(keys), left_(left) {}

    void append(Run run, std::vector<Key>& out) {
        while (run.count > 0) {
            const int64_t tensor_end = before_ + keys_.counts[read_.back()];
            if (run.begin >= tensor_end) {
                before_ = tensor_end;
                read_.push_back(read_.back() + 1);
                continue;
            }
            const int64_t here = std::min(run.count, tensor_end - run.begin);
            out.resize(out.size() + size_t(here));
            keys_.read(read_.back(), run.begin - before_, run.begin - before_ + here, &out.back() + 1 - here);
            run = {run.begin + here, run.count - here};
        }
        if (left_) left_(read_);
        read_.erase(read_.begin(), read_.end() - 1);
    }

  private:
    const UnitKeys<Key>& keys_;
    const TensorsLeft& left_;
    std::vector<size_t> read_{0};  // tensors that were read since `left_` was told, or passed by
    int64_t before_ = 0;           // keys of the tensors before the last of them
};

/// How far off the share of keys below `key` may be: neighbouring places are alike, so what tells is how much one
/// differs from the next.
template <typename Key>
double error_of_share(const std::vector<Stratum>& strata, const std::vector<Key>& sample, Key key) {
    double variance = 0;
    auto begin = sample.begin();
    for (const Stratum& stratum : strata) {
        double squares = 0, last = 0;
        for (size_t i = 0; i < stratum.size(); ++i) {
            const auto end = begin + stratum[i].count;
            const auto below = std::count_if(begin, end, [key](Key one) { return one < key; });
            const double share = (double(below) + double(std::count(begin, end, key)) / 2) / double(end - begin);
            if (i > 0) squares += (share - last) * (share - last);
            last = share;
            begin = end;
        }
        const double places = double(stratum.size());
        const double weight = double(stratum.front().count) * places / double(sample.size());
        variance += weight * weight * squares / (2 * places * (places - 1));
    }
    return std::sqrt(variance);
}

}  // namespace

template <typename Key>
kernels::Bracket<Key> sampled_bracket(const UnitKeys<Key>& keys, int64_t k, const Progress& progress,
                                      const TensorsLeft& left) {
    const int64_t total = std::accumulate(keys.counts.begin(), keys.counts.end(), int64_t(0));
    const std::vector<Stratum> strata =
        places_in(keys.counts, std::max<int64_t>(1, weights_a_place / keys.weights_a_key));
    std::vector<Key> sample;
    Reader<Key> reader(keys, left);
    for (const Stratum& stratum : strata)
        for (const Run& place : stratum) {
            reader.append(place, sample);
            progress.check();
        }
    const auto size = int64_t(sample.size());
    const auto rank = std::min(size - 1, int64_t(double(k) / double(total) * double(size)));
    std::vector<Key> sorted = sample;
    const auto lowest = [&](int64_t place) {
        std::nth_element(sorted.begin(), sorted.begin() + place, sorted.end());
        return sorted[size_t(place)];
    };
    const double off = 4 * error_of_share(strata, sample, lowest(rank)) * double(size) + std::sqrt(double(size));
    const auto margin = int64_t(std::min(off, double(size)));
    kernels::Bracket<Key> bracket{0, kernels::nan_key<Key>};
    if (rank >= margin) bracket.low = lowest(rank - margin);
    if (rank + margin < size) bracket.high = lowest(rank + margin);
    return bracket;
}

template kernels::Bracket<kernels::Key32> sampled_bracket(const UnitKeys<kernels::Key32>&, int64_t, const Progress&,
                                                          const TensorsLeft&);
template kernels::Bracket<kernels::Key64> sampled_bracket(const UnitKeys<kernels::Key64>&, int64_t, const Progress&,
                                                          const TensorsLeft&);

}  // namespace lacuna
