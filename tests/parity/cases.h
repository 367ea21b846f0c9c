#pragma once

#include <sstream>
#include <string>

#include "engine/formats/formats.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna::parity {

/// One case of a file that make_goldens.py or fuzz.py wrote: a weight, and what to do to it.
struct Case {
    std::string sparsifier;
    Options options;
    Ties ties = Ties::lowest;
    int steps = 1;
};

/// A mask from packed bytes, eight weights a byte, lowest bit first.
inline Mask unpacked(const TensorView& packed, const Shape& shape) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(packed.data);
    Mask mask = Mask::zeros(shape);
    for (int64_t i = 0; i < mask.size(); ++i) mask.set(i, bytes[i / 8] >> (i % 8) & 1);
    return mask;
}

/// Reads "weight_norm LEVEL ROWS COLUMNS ZEROS NORM TIES STEPS" or "nearly_diagonal NEARLINESS".
inline Case parse_case(const std::string& text) {
    std::istringstream in(text);
    Case one;
    in >> one.sparsifier;
    if (one.sparsifier == "nearly_diagonal") {
        int64_t nearliness = 0;
        in >> nearliness;
        one.options.set("nearliness", nearliness);
        return one;
    }
    double level = 0;
    int64_t rows = 0, columns = 0, zeros = 0;
    std::string norm, ties;
    in >> level >> rows >> columns >> zeros >> norm >> ties >> one.steps;
    one.options.set("sparsity_level", level);
    one.options.set("sparse_block_shape", std::vector<int64_t>{rows, columns});
    one.options.set("zeros_per_block", zeros);
    one.options.set("norm", norm);
    one.options.set("score", std::string("masked"));
    one.ties = ties == "aten" ? Ties::aten : Ties::lowest;
    return one;
}

/// The mask after the case's steps. The options go to the rule as they are: a level may lie outside 0…1, as in
/// torch.ao.pruning's own tests.
inline Mask run_case(const Case& one, const TensorView& weight) {
    Mask mask = Mask::ones(weight.shape);
    for (int step = 0; step < one.steps; ++step)
        mask = sparsifier(one.sparsifier)
                   .compute(
                       {.weight = weight, .current = &mask, .options = &one.options, .ties = one.ties, .name = "case"});
    return mask;
}

}  // namespace lacuna::parity
