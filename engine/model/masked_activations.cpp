#include "engine/model/registry.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {

const Conversion& masked_activations_conversion();
const Conversion& masked_activations_conversion() {
    static const Conversion conversion{
        .name = "masked_activations",
        .title = "Masked activations",
        .help =
            "Runs samples through a TorchScript model and zeroes those input features of its layers that carry least, "
            "by their norm over all samples. The masks become part of the model's code; the weights stay.",
        .options = {{.name = sparsity_level_option,
                     .type = OptionType::number,
                     .help = "Share of each layer's input features (a convolution's input channels) that is zeroed, "
                             "rounded down to whole ones: 0.5 of 5 zeroes 2.",
                     .default_value = 0.5,
                     .minimum = 0,
                     .maximum = 1},
                    {.name = "layers",
                     .type = OptionType::choice,
                     .help = "Which layers: those that multiply by a matrix, convolutions, or both.",
                     .default_value = std::string("linear"),
                     .choices = {"linear", "convolution", "all"}}},
        .needs_data = true};
    return conversion;
}

}  // namespace lacuna
