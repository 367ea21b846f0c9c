#include "engine/kernels/selection_network.h"

#include <algorithm>
#include <array>
#include <bit>

namespace lacuna::kernels {
namespace {

std::vector<Exchange> merge_exchange(int64_t places) {
    std::vector<Exchange> exchanges;
    const auto top = int64_t(std::bit_ceil(uint64_t(places)) / 2);
    for (int64_t bit = top; bit > 0; bit /= 2) {
        int64_t remainder = 0, distance = bit;
        for (int64_t next = top;; next /= 2) {
            for (int64_t i = 0; i + distance < places; ++i)
                if ((i & bit) == remainder) exchanges.push_back({uint8_t(i), uint8_t(i + distance)});
            if (next == bit) break;
            distance = next - bit;
            remainder = bit;
        }
    }
    return exchanges;
}

}  // namespace

std::vector<Exchange> selection_network(int64_t places, int64_t k) {
    std::vector<Exchange> needed;
    std::array<bool, 256> matters{};
    matters[size_t(k - 1)] = true;
    const std::vector<Exchange> all = merge_exchange(places);
    for (auto exchange = all.rbegin(); exchange != all.rend(); ++exchange) {
        if (!matters[exchange->first] && !matters[exchange->second]) continue;
        matters[exchange->first] = matters[exchange->second] = true;
        needed.push_back(*exchange);
    }
    std::reverse(needed.begin(), needed.end());
    return needed;
}

}  // namespace lacuna::kernels
