#include "engine/model/registry.h"

namespace lacuna {
namespace {

OptionSpec flag(std::string name, std::string help) {
    return {.name = std::move(name), .type = OptionType::boolean, .help = std::move(help), .default_value = false};
}

}  // namespace

const Conversion& smaller_conversion();
const Conversion& smaller_conversion() {
    static const Conversion conversion{
        .name = "smaller",
        .title = "Smaller model",
        .help =
            "Takes pruned rows out of a TorchScript model: layers lose outputs, those behind them inputs. What the "
            "model gives stays the same; rows that something still needs stay, and the report says why.",
        .options = {flag("prune_bias",
                         "Zero the biases of pruned rows first, as torch.ao.pruning does by default. "
                         "LSTM units can leave only so, or without bias."),
                    flag("narrow_outputs", "Take pruned rows out of the model's own output too."),
                    flag("strict", "Fail if any pruned row must stay.")}};
    return conversion;
}

}  // namespace lacuna
