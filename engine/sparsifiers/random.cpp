#include <array>

#include "engine/kernels/radix_select.h"
#include "engine/kernels/random_keys.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/block_sparsifier.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

uint64_t stream_of(int64_t seed, std::string_view name) {
    uint64_t stream = kernels::mixed(uint64_t(seed));
    for (const char c : name) stream = kernels::mixed(stream ^ uint64_t(static_cast<unsigned char>(c)));
    return stream;
}

/// Prunes blocks drawn by chance. A block's number comes from seed, tensor name and place alone, so threads do not
/// matter and a higher level prunes what a lower one did, and more.
class Random final : public BlockSparsifier {
  public:
    std::string_view name() const override { return "random"; }
    std::string_view title() const override { return "Random"; }
    std::string_view help() const override {
        return "Prunes blocks by chance: what every other rule should beat. The same seed and tensor name give the "
               "same mask.";
    }
    std::string_view source() const override { return "torch.nn.utils.prune.RandomUnstructured"; }
    std::span<const OptionSpec> options() const override;

    Mask compute(const MaskRequest& request) const override {
        demand_fit(request);
        const Shape& shape = request.weight.shape;
        const MatrixShape matrix = matrix_shape(shape);
        const BlockShape block = fitted(block_of(*request.options), matrix);
        const MatrixShape grid = blocks_of(matrix, block);
        const int64_t blocks = grid.rows * grid.columns;
        const uint64_t stream = stream_of(request.options->integer("seed"), request.name);
        const kernels::KeyReader<kernels::Key64> reader = [stream](int64_t begin, int64_t end, kernels::Key64* keys) {
            kernels::random_keys(stream, begin, end, keys);
            return keys;
        };
        std::vector<uint64_t> taken(size_t((blocks + 63) / 64));
        const int64_t count = blocks_taken(request.options->number(sparsity_level_option), blocks);
        kernels::select_lowest(reader, blocks, count, taken.data());
        return mask_without(taken, shape, matrix, block);
    }
};

std::span<const OptionSpec> Random::options() const {
    static const std::array specs = [] {
        std::array all{level_option(), block_option(),
                       OptionSpec{.name = "seed",
                                  .type = OptionType::integer,
                                  .help = "Another seed draws another mask.",
                                  .default_value = int64_t(0),
                                  .minimum = 0,
                                  .maximum = 1e9,
                                  .soft_minimum = 0,
                                  .soft_maximum = 100}};
        all[1].default_value = std::vector<int64_t>{1, 1};
        return all;
    }();
    return specs;
}

}  // namespace

const Sparsifier& random_sparsifier();
const Sparsifier& random_sparsifier() {
    static const Random instance;
    return instance;
}

}  // namespace lacuna
