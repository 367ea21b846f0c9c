#pragma once

namespace lacuna {

/// What is said of a weight that a calibration finds no input for, and what to do.
inline constexpr const char* no_input =
    "the model ran no linear layer, matrix product or convolution with it, so its input is unknown";
inline constexpr const char* no_input_hint = "leave it out; an LSTM, for one, is a single operator of LibTorch's own";

}  // namespace lacuna
