#include <dlfcn.h>

#include <chrono>
#include <csignal>

#include "app/cli/commands.h"
#include "app/cli/table.h"
#include "app/cli/text.h"
#include "engine/base/output_file.h"
#include "engine/base/output_set.h"
#include "engine/session/recipe_run.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna::cli {
namespace fs = std::filesystem;
namespace {

constexpr int bar_cells = 16;

/// Masks are computed on the processor; a GPU that was asked for and cannot be had is a failure, not a fallback.
void check_device(const std::string& device) {
    if (device == "cpu") return;
    const bool driver = ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL) != nullptr;
    throw Error(ErrorKind::missing, "--device cuda",
                driver ? "this build of Lacuna has no kernels for the GPU" : "no NVIDIA GPU was found on this machine",
                "leave --device out: the processor gives the same masks");
}

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

/// One run of `prune`, with all that its parts share.
class PruneRun {
  public:
    PruneRun(const PruneArguments& arguments, const Console& console, CancelToken cancel)
        : arguments_(arguments), console_(console), progress_(console.progress(std::move(cancel))) {}

    void run() {
        const Recipe recipe = read_recipe(arguments_.recipe);
        const CheckpointPtr checkpoint = open_checkpoint(arguments_.model);
        Pruning pruning = prepare(checkpoint, recipe);
        stage(*checkpoint);
        take_steps(pruning, recipe, progress_);
        try {
            write(pruning);
        } catch (const Error& error) {
            throw outputs_.restated(error);
        }
    }

  private:
    /// The recipe's tensors with masks of ones, or with what --state says.
    Pruning prepare(const CheckpointPtr& checkpoint, const Recipe& recipe) {
        std::vector<Target> targets = resolve(recipe, *checkpoint);
        if (!arguments_.state) return Pruning(checkpoint, std::move(targets), recipe.ties);
        state_ = read_sparsifier_state(*arguments_.state);
        Pruning pruning(checkpoint, targets_from(*state_, recipe, *checkpoint, std::move(targets)), recipe.ties);
        take_masks(pruning, *state_);
        return pruning;
    }

    /// Finds out before the work whether every output can be written.
    void stage(const Checkpoint& checkpoint) {
        for (const fs::path& file : checkpoint.files()) outputs_.protect(file);
        outputs_.protect(arguments_.recipe);
        if (arguments_.state) outputs_.protect(*arguments_.state);
        format_ = arguments_.format.value_or(writable_format(checkpoint));
        if (arguments_.masks) masks_ = outputs_.stage(*arguments_.masks);
        if (arguments_.save_state) save_state_ = outputs_.stage(*arguments_.save_state);
        if (arguments_.report && *arguments_.report != "-") report_ = outputs_.stage(*arguments_.report);
        out_ = outputs_.stage(out_file(checkpoint), !arguments_.out.has_filename());
    }

    /// A checkpoint in shards may be given a folder, which gets an index of the source's name.
    fs::path out_file(const Checkpoint& checkpoint) const {
        std::error_code ignored;
        const bool folder = !arguments_.out.has_filename() || fs::is_directory(arguments_.out, ignored);
        if (format_ != Format::safetensors_sharded || !folder) return arguments_.out;
        return arguments_.out / checkpoint.path().filename();
    }

    void write(const Pruning& pruning) {
        const Checkpoint& checkpoint = pruning.checkpoint();
        const MaskSet masks = pruning.masks();
        const ExportProof proof = export_checkpoint(checkpoint, masks, out_, format_, progress_);
        for (const fs::path& file : proof.files) outputs_.add(file);
        if (!masks_.empty()) write_masks(masks, masks_, progress_);
        if (!save_state_.empty())
            write_sparsifier_state(state_of(pruning, state_ ? &*state_ : nullptr), save_state_, progress_);
        Report report = make_report(pruning, 0, progress_);
        report.seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        if (!report_.empty()) write_file(report_, to_json(report));
        progress_.check();
        console_.clear_progress();
        std::signal(SIGINT, SIG_IGN);  // from here on the files change places, all of them
        std::signal(SIGTERM, SIG_IGN);
        std::signal(SIGHUP, SIG_IGN);
        const bool report_on_output = arguments_.report == "-";
        if (report_on_output) console_.print(to_json(report));
        outputs_.commit();
        if (!report_on_output)
            console_.print(table_text(report, console_) + proof_text(arguments_.out, proof) + notes_text());
    }

    std::string notes_text() const {
        std::string text;
        if (state_)
            for (const std::string& note : state_->notes) text += printable(note) + "\n";
        return text;
    }

    using Clock = std::chrono::steady_clock;
    const PruneArguments& arguments_;
    const Console& console_;
    Progress progress_;
    OutputSet outputs_;
    Format format_ = Format::safetensors;
    fs::path out_, masks_, save_state_, report_;
    std::optional<SparsifierState> state_;  ///< what --state gave
    Clock::time_point began_ = Clock::now();
};

}  // namespace

void run_prune(const PruneArguments& arguments, const Console& console, CancelToken cancel) {
    check_distinct(outputs_of(arguments));
    check_device(arguments.device);
    PruneRun(arguments, console, std::move(cancel)).run();
}

}  // namespace lacuna::cli
