#include "engine/torch/structured/smaller.h"

#include <torch/script.h>

#include <fstream>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/prune_bias.h"
#include "engine/torch/structured/shrink.h"

namespace lacuna {
namespace jit = torch::jit;
namespace {

jit::Module loaded(const std::filesystem::path& path) {
    try {
        jit::Module module = jit::load(path.string(), at::kCPU);
        module.eval();
        return module;
    } catch (const std::exception& error) {
        throw Error(ErrorKind::format, path.string(), "LibTorch cannot load this TorchScript archive: " + brief(error));
    }
}

void squash(jit::Module& module, const MaskSet& masks) {
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    for (const auto& parameter : module.named_parameters()) tensors.emplace_back(parameter.name, parameter.value);
    for (const auto& buffer : module.named_buffers()) tensors.emplace_back(buffer.name, buffer.value);
    MaskedWeights(std::move(tensors)).apply(masks);
}

void save(const jit::Module& module, const std::filesystem::path& path) {
    std::ofstream file(path, std::ios::binary);  // a stream: given a path, LibTorch writes its name into the file
    module.save(file);
    file.close();
    if (!file) throw Error(ErrorKind::file, path.string(), "could not be written", "is the disk full?");
}

}  // namespace

ConversionReport convert_to_smaller(const ConversionRequest& request, Progress& progress) {
    progress.begin("Converting", 4, "steps");
    jit::Module model = loaded(request.checkpoint->path());
    squash(model, request.masks);
    if (request.options.boolean("prune_bias")) structured::zero_pruned_biases(model);
    const auto sample = structured::sample_inputs(model, request);
    progress.advance();
    structured::Shrunk shrunk = structured::shrink(model, sample, request.options.boolean("narrow_outputs"));
    if (request.options.boolean("strict") && !shrunk.notes.empty())
        throw Error(ErrorKind::argument, request.checkpoint->path().string(), shrunk.notes.front(),
                    "leave strict out to take out what can be");
    progress.advance();
    save(shrunk.module, request.out);
    progress.advance();
    jit::Module written = loaded(request.out);
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
