#include "app/cli/calibrate.h"

#include "app/cli/commands.h"
#include "app/cli/text.h"
#include "engine/base/error.h"
#include "engine/base/output_set.h"
#include "engine/model/model.h"
#include "engine/model/runner.h"
#include "engine/session/activations_file.h"
#include "engine/session/calibration.h"

namespace lacuna::cli {
namespace {

constexpr const char* source_hint =
    "give --data DATA to run the model on, or --activations FILE that lacuna-cli calibrate wrote";

/// The weights that the recipe's rules want to know of; without a recipe all that `layers: "*"` takes.
std::vector<std::string> asked_for(const CalibrateArguments& arguments, const Checkpoint& checkpoint) {
    std::vector<std::string> weights;
    if (arguments.recipe) {
        weights = weights_to_calibrate(checkpoint, resolve(read_recipe(*arguments.recipe), checkpoint));
        if (weights.empty())
            throw Error(ErrorKind::argument, arguments.recipe->string(), "no rule of it looks at a layer's input",
                        "leave --recipe out, or prune with wanda");
        return weights;
    }
    for (const TensorInfo& tensor : checkpoint.tensors())
        if (prunable_by_default(tensor)) weights.push_back(tensor.name);
    return weights;
}

/// Without a recipe nobody asked for one weight rather than another, so those that the model multiplies nothing with
/// (an embedding, say) are left out.
ActivationSet calibrated(Runner& runner, const CalibrateArguments& arguments, const Dataset& data,
                         const std::vector<std::string>& weights, Progress& progress) {
    if (arguments.recipe) return runner.calibrate(data, weights, progress);
    ActivationSet seen = runner.calibrate(data, weights, progress, WithoutInput::leave_out);
    if (seen.empty() && !weights.empty())
        throw Error(ErrorKind::argument, arguments.model.string(),
                    "the model ran no linear layer, matrix product or convolution with any of its weights",
                    "wanda needs one; choose another rule");
    return seen;
}

}  // namespace

ActivationSet activations_for(const CheckpointPtr& checkpoint, std::span<const Target> targets,
                              const CalibrationSource& source, Progress& progress) {
    const std::vector<std::string> weights = weights_to_calibrate(*checkpoint, targets);
    if (weights.empty()) return {};
    ActivationSet activations;
    if (source.activations) {
        activations = read_activations(*source.activations);
    } else if (source.data) {
        const DatasetPtr data = Dataset::open(*source.data);
        activations = make_runner(checkpoint, source.device)->calibrate(*data, weights, progress);
    }
    demand_activations(weights, activations, source_hint);
    return activations;
}

void run_calibrate(const CalibrateArguments& arguments, const Console& console, CancelToken cancel) {
    const CheckpointPtr checkpoint = open_checkpoint(arguments.model);
    const std::vector<std::string> weights = asked_for(arguments, *checkpoint);
    const DatasetPtr data = Dataset::open(arguments.data);
    OutputSet outputs;
    for (const auto& file : checkpoint->files()) outputs.protect(file);
    outputs.protect(arguments.data);
    if (arguments.recipe) outputs.protect(*arguments.recipe);
    const std::filesystem::path out = outputs.stage(arguments.out);
    Progress progress = console.progress(std::move(cancel));
    const auto runner = make_runner(checkpoint, arguments.device);
    const ActivationSet activations = calibrated(*runner, arguments, *data, weights, progress);
    try {
        write_activations(activations, out, progress);
    } catch (const Error& error) {
        throw outputs.restated(error);
    }
    progress.check();
    console.clear_progress();
    outputs.commit();
    const size_t left_out = weights.size() - activations.size();
    console.print("wrote " + printable(arguments.out.string()) + ": " + counted(int64_t(activations.size()), "weight") +
                  " calibrated on " + counted(data->samples(), "sample") +
                  (left_out > 0 ? ", " + counted(int64_t(left_out), "weight") + " without an input left out" : "") +
                  "\n");
}

}  // namespace lacuna::cli
