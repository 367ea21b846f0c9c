#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/text.h"
#include "engine/formats/formats.h"
#include "engine/model/runner.h"

namespace lacuna::cli {
namespace {

std::string to_json(const Evaluation& result) {
    const nlohmann::ordered_json json{
        {"loss", result.loss}, {"accuracy", result.accuracy}, {"samples", result.samples}, {"seconds", result.seconds}};
    return json.dump(2) + "\n";
}

}  // namespace

void run_eval(const EvalArguments& arguments, const Console& console, CancelToken cancel) {
    const CheckpointPtr checkpoint = open_checkpoint(arguments.model);
    const DatasetPtr data = Dataset::open(arguments.data);
    data->labels();  // missing ones are said before LibTorch is loaded
    const auto runner = make_runner(checkpoint, arguments.device);
    Progress progress = console.progress(std::move(cancel));
    const Evaluation result = runner->evaluate(*data, {}, progress);
    console.clear_progress();
    if (arguments.json) {
        auto inputs = checkpoint->files();
        inputs.push_back(data->path());
        return write_to(*arguments.json, to_json(result), inputs, console);
    }
    console.print("accuracy  " + console.coloured(percent_text(result.accuracy), Colour::strong) + "  (" +
                  grouped(result.correct) + " of " + grouped(result.samples) + " samples)\nloss      " +
                  number_text(result.loss) + "\ntime      " + number_text(result.seconds) + " s, " +
                  count_text(double(result.samples) / std::max(result.seconds, 1e-9)) + " samples/s\n");
}

}  // namespace lacuna::cli
