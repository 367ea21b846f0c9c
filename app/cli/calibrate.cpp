#include "app/cli/calibrate.h"

#include "app/cli/commands.h"
#include "app/cli/text.h"
#include "engine/base/error.h"
#include "engine/base/listed.h"
#include "engine/base/output_set.h"
#include "engine/model/model.h"
#include "engine/model/no_input.h"
#include "engine/model/runner.h"
#include "engine/session/activations_file.h"
#include "engine/session/calibration.h"

namespace lacuna::cli {
namespace {

/// The recipe's tensors whose rules look at a layer's input; without a recipe all that `layers: "*"` takes.
std::vector<Target> asked_for(const CalibrateArguments& arguments, const Checkpoint& checkpoint) {
    std::vector<Target> targets;
    if (arguments.recipe) {
        targets = resolve(read_recipe(*arguments.recipe), checkpoint);
        std::erase_if(targets, [](const Target& target) { return !target.sparsifier->needs_activations(); });
        if (targets.empty())
            throw Error(ErrorKind::argument, arguments.recipe->string(), "no rule of it looks at a layer's input",
                        "leave --recipe out, or prune with wanda");
        return targets;
    }
    for (size_t i = 0; i < checkpoint.tensors().size(); ++i)
        if (prunable_by_default(checkpoint.tensors()[i]))
            targets.push_back({.tensor = i, .sparsifier = &sparsifier("wanda"), .by_glob = true});
    return targets;
}

/// What enters the layers of the targets while the model runs. Takes those out that a glob brought and whose layer has
/// no input; of others that is an error.
ActivationSet calibrated(Runner& runner, const Checkpoint& checkpoint, const Dataset& data,
                         std::vector<Target>& targets, std::vector<std::string>& left_out, Progress& progress) {
    const std::vector<std::string> weights = weights_to_calibrate(checkpoint, targets);
    ActivationSet seen = runner.calibrate(data, weights, progress, WithoutInput::leave_out);
    if (seen.empty() && weights.size() > 1)
        throw Error(ErrorKind::argument, checkpoint.files().front().string(),
                    "the model ran no linear layer, matrix product or convolution with any of its weights",
                    "wanda needs one; choose another rule");
    left_out = leave_out_unseen(checkpoint, seen, targets);
    demand_activations(weights_to_calibrate(checkpoint, targets), seen, no_input, no_input_hint);
    return seen;
}

}  // namespace

ActivationSet activations_for(const CheckpointPtr& checkpoint, std::vector<Target>& targets,
                              const CalibrationSource& source, const Console& console, Progress& progress) {
    const std::vector<std::string> weights = weights_to_calibrate(*checkpoint, targets);
    if (weights.empty()) return {};
    if (!source.activations && !source.data)
        throw Error(ErrorKind::argument, weights.front(),
                    "its rule weighs what enters the layer, and nothing says what does",
                    "give --data DATA to run the model on, or --activations FILE that lacuna-cli calibrate wrote");
    ActivationSet activations;
    std::vector<std::string> left_out;
    if (source.data) {
        const DatasetPtr data = Dataset::open(*source.data);
        const auto runner = make_runner(checkpoint, source.device);
        activations = calibrated(*runner, *checkpoint, *data, targets, left_out, progress);
    } else {
        activations = read_activations(*source.activations);
        left_out = leave_out_unseen(*checkpoint, activations, targets);
        demand_activations(weights_to_calibrate(*checkpoint, targets), activations,
                           "the activations file says nothing of it",
                           "calibrate with this recipe (lacuna-cli calibrate --recipe), or leave it out");
    }
    if (!left_out.empty())
        console.print_note(counted(int64_t(left_out.size()), "weight") +
                           " without a known input left out: " + listed(left_out));
    return activations;
}

void run_calibrate(const CalibrateArguments& arguments, const Console& console, CancelToken cancel) {
    const CheckpointPtr checkpoint = open_checkpoint(arguments.model);
    std::vector<Target> targets = asked_for(arguments, *checkpoint);
    const DatasetPtr data = Dataset::open(arguments.data);
    OutputSet outputs;
    for (const auto& file : checkpoint->files()) outputs.protect(file);
    outputs.protect(arguments.data);
    if (arguments.recipe) outputs.protect(*arguments.recipe);
    const std::filesystem::path out = outputs.stage(arguments.out);
    Progress progress = console.progress(std::move(cancel));
    const auto runner = make_runner(checkpoint, arguments.device);
    std::vector<std::string> left_out;
    const ActivationSet activations = calibrated(*runner, *checkpoint, *data, targets, left_out, progress);
    try {
        write_activations(activations, out, progress);
    } catch (const Error& error) {
        throw outputs.restated(error);
    }
    progress.check();
    console.clear_progress();
    outputs.commit();
    console.print("wrote " + printable(arguments.out.string()) + ": " + counted(int64_t(activations.size()), "weight") +
                  " calibrated on " + counted(data->samples(), "sample") +
                  (left_out.empty() ? ""
                                    : ", " + counted(int64_t(left_out.size()), "weight") +
                                          " without a known input left out: " + listed(left_out)) +
                  "\n");
}

}  // namespace lacuna::cli
