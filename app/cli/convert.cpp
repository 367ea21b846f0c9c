#include <cstdio>

#include "app/cli/calibrate.h"
#include "app/cli/commands.h"
#include "app/cli/stop_signals.h"
#include "app/cli/table.h"
#include "app/cli/text.h"
#include "engine/base/output_file.h"
#include "engine/base/output_set.h"
#include "engine/model/conversion.h"
#include "engine/session/recipe_run.h"

namespace lacuna::cli {
namespace fs = std::filesystem;
namespace {

Options options_from(const std::vector<std::string>& given, const Conversion& conversion) {
    Options options;
    for (const std::string& text : given) {
        const size_t equals = text.find('=');
        if (equals == text.npos) throw UsageError("--option " + text + " has no value; write it as name=value");
        const std::string name = text.substr(0, equals);
        options.set(name, text.substr(equals + 1));
        for (const OptionSpec& spec : conversion.options)
            if (spec.name == name) options.set(name, parsed(spec, text.substr(equals + 1)));
    }
    return completed(conversion.options, options, "conversion " + conversion.name);
}

/// "1,000 -> 400 (-60.00 %)"
std::string change_text(const std::string& before, const std::string& after, double ratio) {
    const std::string change = ratio == 1 ? "the same" : (ratio > 1 ? "+" : "-") + percent_text(std::abs(ratio - 1));
    return before + " -> " + after + " (" + change + ")\n";
}

std::string report_text(const ConversionReport& report, const fs::path& out, const Console& console) {
    Table table({{"tensor"}, {"before"}, {"after"}, {"what became of it"}});
    for (const ConversionRow& row : report.rows)
        table.add({row.name, to_string(row.before), row.after.empty() ? "" : to_string(row.after), row.what});
    std::string text = report.rows.empty() ? "" : table.text(console);
    for (const std::string& note : report.notes) text += "note: " + printable(note) + "\n";
    const double parameters = double(report.parameters_after) / double(std::max<int64_t>(report.parameters_before, 1));
    const double bytes = double(report.bytes_after) / double(std::max<uint64_t>(report.bytes_before, 1));
    text +=
        "parameters  " + change_text(grouped(report.parameters_before), grouped(report.parameters_after), parameters);
    text += "file        " +
            change_text(bytes_text(double(report.bytes_before)), bytes_text(double(report.bytes_after)), bytes);
    if (report.largest_difference)
        text += "compared    on " + counted(report.samples_compared, "sample") + ": largest difference " +
                number_text(*report.largest_difference, 2) + " in outputs up to " +
                number_text(report.largest_output.value_or(0), 2) + "\n";
    else
        text += "compared    not at all: no input is known; give --data or --input-shape\n";
    return text + "wrote " + printable(out.string()) + "\n";
}

NamedOutputs outputs_of(const ConvertArguments& arguments) {
    NamedOutputs outputs{{"--out", arguments.out}};
    if (arguments.report && *arguments.report != "-") outputs.emplace_back("--report", *arguments.report);
    return outputs;
}

/// The masks that the model is to be converted under.
MaskSet masks_for(const ConvertArguments& arguments, const CheckpointPtr& checkpoint, const Console& console,
                  Progress& progress) {
    if (arguments.masks) return read_masks(*arguments.masks);
    if (!arguments.recipe) return {};
    const Recipe recipe = read_recipe(*arguments.recipe);
    std::vector<Target> targets = resolve(recipe, *checkpoint);
    ActivationSet activations = activations_for(checkpoint, targets, {arguments.data, {}, "cpu"}, console, progress);
    Pruning pruning(checkpoint, std::move(targets), recipe.ties);
    pruning.set_activations(std::move(activations));
    take_steps(pruning, recipe, progress);
    return pruning.masks();
}

}  // namespace

void run_convert(const ConvertArguments& arguments, const Console& console, CancelToken cancel) {
    check_distinct(outputs_of(arguments));
    const Conversion& chosen = conversion(arguments.conversion);
    ConversionRequest request;
    request.conversion = chosen.name;
    request.options = options_from(arguments.options, chosen);
    request.input_shape = arguments.input_shape;
    request.checkpoint = open_checkpoint(arguments.model);
    if (arguments.data) request.data = Dataset::open(*arguments.data);

    OutputSet outputs;
    for (const fs::path& file : request.checkpoint->files()) outputs.protect(file);
    for (const auto& input : {arguments.recipe, arguments.masks, arguments.data})
        if (input) outputs.protect(*input);
    request.out = outputs.stage(arguments.out);
    const bool report_on_output = arguments.report == "-";
    const fs::path report_file = arguments.report && !report_on_output ? outputs.stage(*arguments.report) : fs::path();

    Progress progress = console.progress(std::move(cancel));
    request.masks = masks_for(arguments, request.checkpoint, console, progress);
    ConversionReport report;
    try {
        report = convert(request, progress);
        if (!report_file.empty()) write_file(report_file, to_json(report, chosen.name));
    } catch (const Error& error) {
        throw outputs.restated(error);
    }
    progress.check();
    console.clear_progress();
    ignore_stop_signals();
    if (report_on_output) console.print(to_json(report, chosen.name));
    outputs.commit();
    if (!report_on_output) console.print(report_text(report, arguments.out, console));
}

}  // namespace lacuna::cli
