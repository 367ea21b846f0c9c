#include "engine/torch/structured/smaller.h"

#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/load_module.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/save_module.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/prune_bias.h"
#include "engine/torch/structured/shrink.h"

namespace lacuna {
namespace jit = torch::jit;

ConversionReport convert_to_smaller(const ConversionRequest& request, Progress& progress) {
    progress.begin("Converting", 4, "steps");
    jit::Module model = load_module(request.checkpoint->path());
    MaskedWeights(named_tensors(model)).apply(request.masks);
    if (request.options.boolean("prune_bias")) structured::zero_pruned_biases(model);
    const auto sample = structured::sample_inputs(model, request);
    progress.advance();
    structured::Shrunk shrunk = structured::shrink(model, sample, request.options.boolean("narrow_outputs"));
    if (request.options.boolean("strict") && !shrunk.notes.empty())
        throw Error(ErrorKind::argument, request.checkpoint->path().string(), shrunk.notes.front(),
                    "leave strict out to take out what can be");
    progress.advance();
    save_module(shrunk.module, request.out);
    progress.advance();
    jit::Module written = load_module(request.out);
    const auto difference = structured::demand_equal(model, written, sample, shrunk.outputs);
    progress.advance();
    ConversionReport report;
    for (const at::Tensor& parameter : written.parameters()) report.parameters_after += parameter.numel();
    report.rows = std::move(shrunk.rows);
    report.notes = std::move(shrunk.notes);
    report.largest_difference = difference.largest;
    report.largest_output = difference.largest_output;
    report.samples_compared = difference.samples;
    return report;
}

}  // namespace lacuna
