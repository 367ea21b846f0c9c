#include <gmock/gmock.h>

#include <random>

#include "engine/kernels/lowest_of_few.h"
#include "engine/sparsifiers/block_rule.h"

namespace lacuna {
namespace {

using kernels::Key32;

/// The selection by ATen's own algorithm over all keys, whether ties decide or not.
std::vector<uint8_t> by_algorithm(const std::vector<Key32>& keys, int64_t k, AtenOrder order) {
    std::vector<uint8_t> flags(keys.size());
    if (order == AtenOrder::sort)
        kernels::LowestBySort<Key32>().flag(keys.data(), int64_t(keys.size()), k, flags.data());
    else
        kernels::LowestByAten<Key32>().flag(keys.data(), int64_t(keys.size()), k, flags.data());
    return flags;
}

std::vector<uint8_t> selected(const std::vector<Key32>& keys, int64_t k, AtenOrder order) {
    const auto words = lowest_by_aten(keys, k, order);
    std::vector<uint8_t> flags(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) flags[i] = uint8_t(words[i / 64] >> i % 64 & 1);
    return flags;
}

/// Where no tie decides, a quicker way is taken: it must select what the algorithm does.
TEST(AtenOrder, QuickWayAndAlgorithmAgree) {
    std::mt19937 random(1);
    for (const uint32_t kinds : {7u, 1000u, 0x7fffffffu}) {
        std::vector<Key32> keys(20011);
        for (Key32& key : keys) key = random() % kinds;
        keys[5] = keys[6] = kernels::nan_key32;
        for (const AtenOrder order : {AtenOrder::topk, AtenOrder::sort})
            for (const int64_t k : {0, 1, 2, 300, 5000, 10005, 20008, 20009, 20010, 20011})
                ASSERT_EQ(selected(keys, k, order), by_algorithm(keys, k, order)) << kinds << " kinds, k " << k;
    }
}

}  // namespace
}  // namespace lacuna
