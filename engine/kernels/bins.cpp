#include "engine/kernels/bins.h"

#include <cmath>
#include <limits>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

constexpr int lanes = 8;
constexpr double largest = std::numeric_limits<double>::max(), infinity = std::numeric_limits<double>::infinity();

struct Lanes {
    double finite[lanes] = {}, sum[lanes] = {}, min[lanes], max[lanes];
};

[[gnu::always_inline]] inline void add(Lanes& all, int lane, double value) {
    const bool finite = std::abs(value) <= largest;
    all.finite[lane] += finite ? 1.0 : 0.0;
    all.sum[lane] += finite ? value : 0.0;
    const double low = finite ? value : infinity, high = finite ? value : -infinity;
    all.min[lane] = low < all.min[lane] ? low : all.min[lane];
    all.max[lane] = high > all.max[lane] ? high : all.max[lane];
}

[[gnu::always_inline]] inline double square_about(double value, double mean) {
    const double difference = std::abs(value) <= largest ? value - mean : 0.0;
    return difference * difference;
}

}  // namespace

LACUNA_CLONES Range range_of(const double* values, int64_t count) {
    Lanes all;
    for (int lane = 0; lane < lanes; ++lane) all.min[lane] = infinity, all.max[lane] = -infinity;
    const int64_t whole = count / lanes * lanes;
    for (int64_t i = 0; i < whole; i += lanes)
        for (int lane = 0; lane < lanes; ++lane) add(all, lane, values[i + lane]);
    for (int64_t i = whole; i < count; ++i) add(all, int(i - whole), values[i]);
    Range range{0, 0, infinity, -infinity};
    for (int lane = 0; lane < lanes; ++lane) {
        range.finite += int64_t(all.finite[lane]);
        range.sum += all.sum[lane];
        range.min = all.min[lane] < range.min ? all.min[lane] : range.min;
        range.max = all.max[lane] > range.max ? all.max[lane] : range.max;
    }
    return range;
}

LACUNA_CLONES double squares_about(const double* values, int64_t count, double mean) {
    double sums[lanes] = {}, total = 0;
    const int64_t whole = count / lanes * lanes;
    for (int64_t i = 0; i < whole; i += lanes)
        for (int lane = 0; lane < lanes; ++lane) sums[lane] += square_about(values[i + lane], mean);
    for (int64_t i = whole; i < count; ++i) sums[i - whole] += square_about(values[i], mean);
    for (const double sum : sums) total += sum;
    return total;
}

LACUNA_CLONES void find_bins(const double* values, int64_t count, double low, double scale, int32_t last,
                             int32_t* bins) {
    const double end = last;
    for (int64_t i = 0; i < count; ++i) {
        const bool finite = std::abs(values[i]) <= largest;
        const double place = finite ? (values[i] - low) * scale : 0.0;
        const double above = place > 0.0 ? place : 0.0;
        const double inside = above < end ? above : end;
        bins[i] = finite ? int32_t(inside) : last + 1;
    }
}

}  // namespace lacuna::kernels
