#include "engine/torch/jit_forward.h"

#include <algorithm>

namespace lacuna {

bool is_forward(std::string_view method) {
    constexpr std::string_view forward = "forward";
    return method.starts_with(forward) && std::all_of(method.begin() + forward.size(), method.end(),
                                                      [](char letter) { return letter >= '0' && letter <= '9'; });
}

}  // namespace lacuna
