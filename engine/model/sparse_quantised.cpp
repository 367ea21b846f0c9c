#include "engine/model/conversion.h"

namespace lacuna {
namespace {

OptionSpec block_option() {
    return {.name = "sparse_block_shape",
            .type = OptionType::block_shape,
            .help = "Blocks of zeros that are left out. LibTorch's kernels on x86 run with [1, 4] only.",
            .default_value = std::vector<int64_t>{1, 4},
            .minimum = 1,
            .maximum = 64};
}

OptionSpec per_channel_option() {
    return {.name = "per_channel",
            .type = OptionType::boolean,
            .help = "A scale for each output of a layer; otherwise one for the whole weight.",
            .default_value = true};
}

OptionSpec reduce_range_option() {
    return {.name = "reduce_range",
            .type = OptionType::boolean,
            .help = "Seven bits for activations, so that no processor's sums overflow; otherwise eight.",
            .default_value = true};
}

}  // namespace

const Conversion& sparse_quantized_static_conversion() {
    static const Conversion conversion{
        .name = "sparse_quantized_static",
        .title = "Sparse quantised linear layers, static ranges",
        .help =
            "Pruned Linear layers compute in 8-bit integers on the blocks that are not zero (LibTorch's sparse "
            "kernels, fbgemm). The ranges of activations are measured on the data.",
        .options = {block_option(), per_channel_option(), reduce_range_option()},
        .needs_data = true};
    return conversion;
}

const Conversion& sparse_quantized_dynamic_conversion() {
    static const Conversion conversion{
        .name = "sparse_quantized_dynamic",
        .title = "Sparse quantised linear layers, dynamic ranges",
        .help =
            "Pruned Linear layers compute in 8-bit integers on the blocks that are not zero (LibTorch's sparse "
            "kernels, qnnpack). The ranges of activations are measured anew in every run.",
        .options = {block_option(), per_channel_option()}};
    return conversion;
}

}  // namespace lacuna
