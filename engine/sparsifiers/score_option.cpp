#include "engine/sparsifiers/score_option.h"

namespace lacuna {

OptionSpec score_option() {
    return {.name = "score",
            .type = OptionType::choice,
            .help = "masked: pruned weights score 0 and stay pruned; original: every step scores all weights anew.",
            .default_value = std::string("masked"),
            .choices = {"masked", "original"}};
}

const Mask* scored_mask(const MaskRequest& request) {
    return request.options->choice("score") == "masked" ? request.current : nullptr;
}

}  // namespace lacuna
