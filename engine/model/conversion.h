#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/progress.h"
#include "engine/formats/formats.h"
#include "engine/model/checkpoint.h"
#include "engine/model/runner.h"
#include "engine/sparsifiers/options.h"

namespace lacuna {

/// A way to rewrite a pruned model so that its zeros pay: what programs need to offer it. The work itself is done in
/// lacuna_torch. One file in engine/model/ each; the registry is generated from that folder.
struct Conversion {
    std::string name;   ///< as on the command line
    std::string title;  ///< as in the window
    std::string help;   ///< one or two sentences
    std::vector<OptionSpec> options;
    bool needs_data = false;  ///< whether it must see samples (ConversionRequest::data)
};

/// What to convert, into what, and where to.
struct ConversionRequest {
    CheckpointPtr checkpoint;  ///< runnable
    MaskSet masks;             ///< by tensor FQN; empty: the zeros that the file holds
    std::string conversion;    ///< the name of one of conversions()
    Options options;           ///< as given: left-out options are absent
    DatasetPtr data;           ///< samples to run and compare on; null: none
    Shape input_shape;         ///< of a random input to compare on where there is no data; empty: none
    std::filesystem::path out;
};

/// One tensor that a conversion changed.
struct ConversionRow {
    std::string name;     ///< the tensor FQN
    Shape before, after;  ///< shapes; `after` is empty where the tensor is gone
    std::string what;     ///< what became of it, in a few words
};

/// What a conversion did.
struct ConversionReport {
    int64_t parameters_before = 0, parameters_after = 0;
    uint64_t bytes_before = 0, bytes_after = 0;  ///< of the files
    std::vector<ConversionRow> rows;             ///< in the model's order
    std::vector<std::string> notes;              ///< in words: what stayed as it was, and why
    /// Largest difference between what the masked model and the written one give for the same input, and the largest
    /// value that the masked one gave; nothing: no input was known.
    std::optional<double> largest_difference, largest_output;
    int64_t samples_compared = 0;
    double seconds = 0;
};

/// All conversions, sorted by name.
std::span<const Conversion* const> conversions();
/// Throws Error(argument) naming the known ones (and the nearest) if there is none called `name`.
const Conversion& conversion(std::string_view name);

/// Writes the converted model to `request.out`, beside it first and then renamed. Loads LibTorch if that has not
/// happened yet. Throws Error(argument) for a checkpoint without code, masks that do not fit, options that the
/// conversion does not take, and a model that it refuses, naming layer and operation; Error(missing) without LibTorch;
/// Error(file). Nothing is written then.
ConversionReport convert(const ConversionRequest& request, Progress& progress);

/// The report for scripts: {"conversion", "parameters_before", …, "layers": [{"name", "before", "after", "what"}],
/// "notes", "largest_difference", "seconds"}.
std::string to_json(const ConversionReport& report, std::string_view conversion);

}  // namespace lacuna
