#include <chrono>

#include "app/cli/calibrate.h"
#include "app/cli/commands.h"
#include "app/cli/prune_outputs.h"
#include "app/cli/stop_signals.h"
#include "app/cli/table.h"
#include "app/cli/text.h"
#include "engine/base/output_file.h"
#include "engine/formats/squashed_names.h"
#include "engine/model/block_device.h"
#include "engine/session/saved_schedulers.h"
#include "engine/session/streamed_pruning.h"

namespace lacuna::cli {
namespace fs = std::filesystem;
namespace {

constexpr int bar_cells = 16;

NamedOutputs outputs_of(const PruneArguments& arguments) {
    NamedOutputs outputs{{"--out", arguments.out}};
    if (arguments.masks) outputs.emplace_back("--masks", *arguments.masks);
    if (arguments.save_state) outputs.emplace_back("--save-state", *arguments.save_state);
    if (arguments.report && *arguments.report != "-") outputs.emplace_back("--report", *arguments.report);
    return outputs;
}

std::string table_text(const Report& report, const Console& console) {
    using Align = Table::Align;
    Table table({{"tensor"},
                 {"shape"},
                 {"type"},
                 {"sparsifier"},
                 {"weights", Align::right},
                 {"zeros", Align::right},
                 {"sparsity", Align::right},
                 {"", Align::left, Colour::good}});
    const auto numbers = [&](std::vector<std::string> row, int64_t params, int64_t zeros) {
        const double fraction = sparsity_of(zeros, params);
        row.insert(row.end(), {grouped(params), grouped(zeros), percent_text(fraction),
                               bar_text(fraction, bar_cells, console.unicode())});
        return row;
    };
    for (const LayerReport& layer : report.layers)
        table.add(numbers({layer.name, to_string(layer.shape), std::string(dtype_name(layer.dtype)), layer.sparsifier},
                          layer.params, layer.zeros));
    table.add_total(numbers({"total", "", "", ""}, report.params, report.zeros));
    return table.text(console);
}

std::string proof_text(const fs::path& out, const ExportProof& proof) {
    return "wrote " + printable(out.string()) + ", " + bytes_text(double(proof.bytes)) +
           "; opened again: " + counted(proof.zeros, "pruned zero") + " in " +
           counted(int64_t(proof.tensors_pruned), "tensor") + ", " +
           counted(int64_t(proof.tensors_untouched), "tensor") + " unchanged\n";
}

std::map<std::string, Shape, std::less<>> shapes_of(const MaskSource& masks, const Checkpoint& checkpoint) {
    std::map<std::string, Shape, std::less<>> shapes;
    for (const size_t i : masks.masked()) shapes[checkpoint.tensors()[i].name] = checkpoint.tensors()[i].shape;
    return shapes;
}

/// One run of `prune`, with all that its parts share.
class PruneRun {
  public:
    PruneRun(const PruneArguments& arguments, const Console& console, CancelToken cancel)
        : arguments_(arguments), console_(console), progress_(console.progress(std::move(cancel))) {}

    void run() {
        const std::unique_ptr<BlockDevice> device = make_block_device(arguments_.device);
        const Recipe recipe = read_recipe(arguments_.recipe);
        const CheckpointPtr checkpoint = open_checkpoint(arguments_.model);
        std::vector<Target> targets = targets_of(recipe, *checkpoint);
        if (arguments_.squash_names) squash_names(checkpoint);
        const Checkpoint& written = squashed_ ? *squashed_ : *checkpoint;
        PruneOutputs outputs(arguments_, written, console_);
        try {
            StreamedPruning pruning = prepare(checkpoint, std::move(targets), recipe);
            pruning.compute_on(device.get());
            pruning.take_steps(progress_);
            write(pruning, *checkpoint, written, outputs);
        } catch (const Cancelled&) {
            outputs.keep_finished();
            throw;
        } catch (const Error& error) {
            throw outputs.restated(error);
        }
    }

  private:
    /// The recipe's tensors, with what --state says.
    std::vector<Target> targets_of(const Recipe& recipe, const Checkpoint& checkpoint) {
        std::vector<Target> targets = resolve(recipe, checkpoint);
        if (!arguments_.state) return targets;
        state_ = read_sparsifier_state(*arguments_.state);
        print_notes(*state_);
        return targets_from(*state_, recipe, checkpoint, std::move(targets));
    }

    /// Runs the model where a rule wants to know what enters its layers. A state, read or to be saved, is of masks that
    /// are held.
    StreamedPruning prepare(const CheckpointPtr& checkpoint, std::vector<Target> targets, const Recipe& recipe) {
        using Hold = StreamedPruning::Hold;
        const Hold hold = arguments_.state || arguments_.save_state ? Hold::everything : Hold::what_must_be;
        SavedSchedulers schedulers;
        if (state_) schedulers = saved_schedulers(*state_, *checkpoint);
        if (state_ && !recipe.schedules.empty() && schedulers.states.empty())
            console_.print_note("the state holds no schedulers: the recipe's schedule begins at epoch 0");
        ActivationSet activations = activations_for(
            checkpoint, targets, {arguments_.data, arguments_.activations, arguments_.device}, console_, progress_);
        StreamedPruning pruning(checkpoint, std::move(targets), recipe, progress_, hold, schedulers);
        pruning.set_activations(std::move(activations));
        if (state_) take_masks(pruning.held(), *state_);
        return pruning;
    }

    void squash_names(const CheckpointPtr& checkpoint) {
        squashed_.emplace(checkpoint);
        if (squashed_->any()) return;
        squashed_.reset();
        console_.print_note("no tensor of this model is prepared: its names stay as they are");
    }

    /// The report of what was written, under the names it has there.
    Report report_of(const StreamedPruning& pruning, ExportProof proof) const {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        if (!squashed_) return pruning.report(proof, seconds);
        std::unordered_map<size_t, std::string> names;
        for (PrunedTensor& pruned : proof.pruned) {
            const size_t source = squashed_->source_of(pruned.tensor);
            names[source] = squashed_->tensors()[pruned.tensor].name;
            pruned.tensor = source;
        }
        Report report = pruning.report(proof, seconds);
        for (size_t i = 0; i < report.layers.size(); ++i) report.layers[i].name = names.at(pruning.targets()[i].tensor);
        return report;
    }

    void write(StreamedPruning& pruning, const Checkpoint& checkpoint, const Checkpoint& written,
               PruneOutputs& outputs) {
        std::optional<SquashedMasks> squashed_masks;
        if (squashed_) squashed_masks.emplace(*squashed_, pruning);
        MaskSource& source = squashed_masks ? static_cast<MaskSource&>(*squashed_masks) : pruning;
        StagedExport job{outputs.out(), arguments_.out, outputs.format(), nullptr, outputs.journal(), "Pruning"};
        std::optional<MasksFile> masks;
        if (!outputs.masks().empty()) {
            masks.emplace(shapes_of(source, written), outputs.masks(), *arguments_.masks, progress_, outputs.goes_on());
            job.masks = &*masks;
        }
        const ExportProof proof = write_staged(written, source, job, progress_);
        if (masks) masks->close();
        if (!outputs.save_state().empty()) save_state(pruning, outputs.save_state());
        const Report report = report_of(pruning, proof);
        if (!outputs.report().empty()) write_file(outputs.report(), to_json(report));
        progress_.check();
        console_.clear_progress();
        ignore_stop_signals();
        const bool report_on_output = arguments_.report == "-";
        if (report_on_output) console_.print(to_json(report));
        outputs.commit();
        if (!report_on_output)
            console_.print(table_text(report, console_) + proof_text(arguments_.out, proof) +
                           notes_text(pruning.targets(), checkpoint));
    }

    void save_state(StreamedPruning& pruning, const fs::path& path) {
        const SparsifierState state = state_after(pruning.held(), pruning.levels(), state_ ? &*state_ : nullptr);
        print_notes(state);
        write_sparsifier_state(state, path, progress_);
    }

    void print_notes(const SparsifierState& state) const {
        for (const std::string& note : state.notes) console_.print_note(note);
    }

    static std::string notes_text(const std::vector<Target>& targets, const Checkpoint& checkpoint) {
        std::string text;
        for (const Target& target : targets) {
            const TensorInfo& tensor = checkpoint.tensors()[target.tensor];
            const std::string remark = target.sparsifier->remark(target.options, tensor.shape);
            if (!remark.empty()) text += "note: " + printable(tensor.name + ": " + remark) + "\n";
        }
        return text;
    }

    using Clock = std::chrono::steady_clock;
    const PruneArguments& arguments_;
    const Console& console_;
    Progress progress_;
    std::optional<SparsifierState> state_;   ///< what --state gave
    std::optional<SquashedNames> squashed_;  ///< what is written, where names are squashed
    Clock::time_point began_ = Clock::now();
};

}  // namespace

void run_prune(const PruneArguments& arguments, const Console& console, CancelToken cancel) {
    check_distinct(outputs_of(arguments));
    PruneRun(arguments, console, std::move(cancel)).run();
}

}  // namespace lacuna::cli
