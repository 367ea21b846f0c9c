#include "app/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "engine/base/nearest.h"

namespace lacuna::cli {
namespace {

constexpr const char* exit_statuses =
    "Exit status: 0 done; 1 failed, with one line \"error: ...\" on standard error, and every\n"
    "output file as it was before; 2 wrong usage; 130 stopped by Ctrl-C.";

/// What follows the list of options: details, an example, exit statuses.
std::string footer(const std::string& details, const std::string& example) {
    return details + (details.empty() ? "" : "\n\n") + "Example:\n" + example + "\n\n" + exit_statuses;
}

/// The formats that can be written, by name.
const std::map<std::string, Format>& writable_formats() {
    static const auto formats = [] {
        std::map<std::string, Format> map;
        for (const Format f :
             {Format::safetensors, Format::safetensors_sharded, Format::torch_zip, Format::torchscript})
            map.emplace(format_name(f), f);
        return map;
    }();
    return formats;
}

std::string not_empty(const std::string& text) {
    return text.empty() ? "a name is needed" : "";
}

/// The command line's grammar, bound to one set of arguments for each command.
class Grammar {
  public:
    Grammar() : app_("Lacuna looks into trained networks and prunes them by recipe.", "lacuna-cli") {
        app_.set_version_flag("--version", std::string("lacuna-cli ") + LACUNA_VERSION, "Print the version");
        app_.set_help_flag("-h,--help", "Print this help");
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.add_option("--threads", threads_, "Threads to use; results do not depend on it (default: all processors)")
            ->check(CLI::Range(1, 64).description(""))
            ->type_name("N");
        app_.footer(footer("",
                           "  lacuna-cli inspect model.safetensors --sparsity\n"
                           "  lacuna-cli prune model.safetensors --recipe half.yaml --out pruned.safetensors\n"
                           "  lacuna-cli prune --help"));
        add_inspect();
        add_prune();
        add_calibrate();
        add_eval();
        add_convert();
        using What = ListArguments::What;
        add_list(What::recipe, "recipe", "Explain every key of a recipe, with all sparsifiers and schedulers");
        add_list(What::sparsifiers, "sparsifiers", "List the sparsifiers that a recipe can name, with their options");
        add_list(What::schedulers, "schedulers", "List the schedulers that a recipe can name, with their options");
        add_list(What::conversions, "conversions", "List the conversions, with their options");
    }

    Arguments parse(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::CallForHelp&) {
            return {PrintArguments{app_.help()}, 0};
        } catch (const CLI::CallForVersion& version) {
            return {PrintArguments{std::string(version.what()) + "\n"}, 0};
        } catch (const CLI::ParseError& error) {
            throw UsageError(problem_of(error) + "; see " + name_of(current()) + " --help");
        }
        return chosen();
    }

  private:
    /// The command that was named, else the program itself.
    const CLI::App& current() const {
        const auto named = app_.get_subcommands();
        return named.empty() ? app_ : *named.front();
    }
    std::string name_of(const CLI::App& app) const {
        return &app == &app_ ? app_.get_name() : app_.get_name() + " " + app.get_name();
    }

    /// A word that nobody knows is named before what is missing, which is often what it was meant to be.
    std::string problem_of(const CLI::ParseError& error) const {
        const CLI::App& app = current();
        const std::vector<std::string> unknown = app_.remaining(true);
        if (unknown.empty())
            return dynamic_cast<const CLI::RequiredError*>(&error) && &app == &app_ ? "name a command" : error.what();
        const bool option = unknown.front().starts_with("-");
        std::vector<std::string> known;
        if (option)
            for (const CLI::Option* one : app.get_options()) known.push_back(one->get_name());
        else
            for (const CLI::App* one : app.get_subcommands({})) known.push_back(one->get_name());
        const std::string near = nearest(unknown.front(), known);
        return std::string(option          ? "there is no option "
                           : known.empty() ? "one argument too many: "
                                           : "there is no command ") +
               unknown.front() + (near.empty() ? "" : " (did you mean " + near + "?)");
    }

    static CLI::Option* add_path(CLI::App* app, const std::string& name, std::filesystem::path& path,
                                 const std::string& help) {
        return app
            ->add_option_function<std::string>(
                name, [&path](const std::string& text) { path = text; }, help)
            ->check(not_empty);
    }
    static CLI::Option* add_path(CLI::App* app, const std::string& name, std::optional<std::filesystem::path>& path,
                                 const std::string& help) {
        return app
            ->add_option_function<std::string>(
                name, [&path](const std::string& text) { path = text; }, help)
            ->check(not_empty);
    }
    static CLI::Option* add_sink(CLI::App* app, const std::string& name, Sink& sink, const std::string& help) {
        return app
            ->add_option_function<std::string>(
                name, [&sink](const std::string& text) { sink = text; }, help)
            ->type_name("FILE|-")
            ->check(not_empty);
    }
    static void add_model(CLI::App* app, std::filesystem::path& model) {
        add_path(app, "MODEL", model, "safetensors (or its .index.json), PyTorch or TorchScript file")
            ->required()
            ->type_name("");
    }
    static void add_device(CLI::App* app, std::string& device) {
        app->add_option("--device", device, "Where to compute: cpu (default) or cuda")
            ->check(CLI::IsMember({"cpu", "cuda"}).description(""))
            ->type_name("cpu|cuda");
    }

    void add_inspect() {
        inspect_app_ = app_.add_subcommand("inspect", "List the tensors of a model: names, shapes, types, zeros");
        add_model(inspect_app_, inspect_.model);
        inspect_app_->add_flag("--sparsity", inspect_.sparsity, "Count the zeros of every tensor");
        inspect_app_->add_flag("--patterns", inspect_.patterns,
                               "With zeros: whole rows, columns and tiles of them, and how far 1:4, 2:4 and 4:8 hold");
        inspect_app_
            ->add_option_function<std::vector<int64_t>>(
                "--tile",
                [this](const std::vector<int64_t>& sides) {
                    inspect_.tile = {sides[0], sides[1]};
                    inspect_.patterns = true;
                },
                "The tiles that --patterns looks for (default: 16 16)")
            ->expected(2)
            ->check(CLI::Range(int64_t(1), int64_t(1) << 20).description(""))
            ->type_name("ROWS COLUMNS");
        add_sink(inspect_app_, "--json", inspect_.json, "Write JSON there instead of a table");
        inspect_app_->footer(
            footer("Only headers are read unless --sparsity asks for zeros to be counted; nothing in a file\n"
                   "is ever executed.",
                   "  lacuna-cli inspect model.pt --sparsity --json -"));
    }

    void add_prune() {
        prune_app_ = app_.add_subcommand("prune", "Prune a model by a recipe and write it with its masks squashed in");
        add_model(prune_app_, prune_.model);
        add_path(prune_app_, "--recipe", prune_.recipe, "What to prune and how (YAML); see lacuna-cli recipe")
            ->required()
            ->type_name("RECIPE");
        add_path(prune_app_, "--out", prune_.out, "The pruned model")->required()->type_name("OUT");
        prune_app_
            ->add_option_function<std::string>(
                "--format", [this](const std::string& name) { prune_.format = writable_formats().at(name); },
                "Write this format instead of the model's own")
            ->check(CLI::IsMember(writable_formats()).description(""))
            ->type_name("safetensors|safetensors-sharded|torch-zip|torchscript");
        prune_app_->add_flag(
            "--squash-names", prune_.squash_names,
            "Write a prepared model as the plain one: fc.weight in place of its original and its mask");
        add_path(prune_app_, "--masks", prune_.masks, "Also write the masks: safetensors, U8, 0 where pruned")
            ->type_name("MASKS");
        add_path(prune_app_, "--state", prune_.state,
                 "Go on from this (data) sparsifier's state_dict(), of torch.save or --save-state")
            ->type_name("STATE");
        add_path(prune_app_, "--save-state", prune_.save_state,
                 "Also write the sparsifier's state_dict(), which PyTorch loads (data_norm: with the tensors' values)")
            ->type_name("STATE");
        add_sink(prune_app_, "--report", prune_.report,
                 "Also write JSON: sparsity of each pruned tensor, and in total");
        auto* data = add_path(prune_app_, "--data", prune_.data,
                              "Samples to calibrate on, for wanda: safetensors with inputs (N first)");
        data->type_name("DATA");
        add_path(prune_app_, "--activations", prune_.activations, "Or what lacuna-cli calibrate wrote")
            ->type_name("FILE")
            ->excludes(data);
        add_device(prune_app_, prune_.device);
        prune_app_->footer(
            footer("The same tensors are written, with their names, order, types and metadata; those that the\n"
                   "recipe does not name byte for byte. The new file is opened again and checked before it\n"
                   "takes its place; everything that is written appears together or not at all. Over a model in\n"
                   "shards the same command goes on where a stopped or killed run had got to. --state gives the\n"
                   "masks to begin with, the options that the recipe leaves out, and the epoch at which its schedule\n"
                   "goes on: steps are those taken now. A rule that looks at a\n"
                   "layer's input (wanda) needs --data, which runs a TorchScript model by LibTorch, or\n"
                   "--activations. That file may come from anywhere: safetensors with, under each weight's\n"
                   "name, a vector of the sum of squares of each of its input features.\n\n"
                   "A model that Python has prepared (fc.parametrizations.weight.original, or fc.weight_orig\n"
                   "with fc.weight_mask) is pruned on from the masks in the file, or in --state, and a recipe\n"
                   "names its weights as the file does or as the plain model does: fc.weight. The file's masks\n"
                   "are written as they are now, in their own types, and weights with them squashed in, so that\n"
                   "the prepared model loads the file; --squash-names writes it for the plain model.",
                   "  lacuna-cli prune model.pt --recipe half.yaml --out pruned.pt --report -\n"
                   "where half.yaml holds\n"
                   "  version: 1\n"
                   "  groups:\n"
                   "    - layers: \"*\"\n"
                   "      sparsifier: weight_norm\n"
                   "      sparsity_level: 0.5"));
    }

    void add_calibrate() {
        calibrate_app_ = app_.add_subcommand("calibrate", "Run a TorchScript model to see what enters its layers");
        add_model(calibrate_app_, calibrate_.model);
        add_path(calibrate_app_, "--data", calibrate_.data, "safetensors with inputs (N first)")
            ->required()
            ->type_name("DATA");
        add_path(calibrate_app_, "--out", calibrate_.out, "What was seen, for prune --activations")
            ->required()
            ->type_name("FILE");
        add_path(calibrate_app_, "--recipe", calibrate_.recipe, "Only the weights that this recipe's rules ask for")
            ->type_name("RECIPE");
        add_device(calibrate_app_, calibrate_.device);
        calibrate_app_->footer(
            footer("FILE is safetensors: for each weight, under its name, an F64 vector of the sums of squares of\n"
                   "its input features. Its size does not depend on the number of samples, and prune takes it\n"
                   "for any checkpoint with tensors of these names, also where LibTorch is not installed.",
                   "  lacuna-cli calibrate model.pt --data train.safetensors --out seen.safetensors\n"
                   "  lacuna-cli prune model.safetensors --recipe wanda.yaml --activations seen.safetensors \\\n"
                   "      --out pruned.safetensors"));
    }

    void add_eval() {
        eval_app_ = app_.add_subcommand("eval", "Run a TorchScript model on labelled samples: loss and accuracy");
        add_model(eval_app_, eval_.model);
        add_path(eval_app_, "--data", eval_.data, "safetensors with inputs (N first) and labels (N integers)")
            ->required()
            ->type_name("DATA");
        add_sink(eval_app_, "--json", eval_.json, "Write JSON there instead of text");
        add_device(eval_app_, eval_.device);
        eval_app_->footer(
            footer("Loss is the mean cross-entropy of the outputs taken as logits, accuracy is top-1. LibTorch\n"
                   "is needed, and loaded for this command only.",
                   "  lacuna-cli eval model.pt --data test.safetensors"));
    }

    void add_list(ListArguments::What what, const std::string& name, const std::string& help) {
        CLI::App* app = app_.add_subcommand(name, help);
        ListArguments& list = lists_[app];
        list.what = what;
        add_sink(app, "--json", list.json, "Write JSON there instead of text");
        app->footer(footer("", "  lacuna-cli " + name + " --json -"));
    }

    void add_convert() {
        convert_app_ = app_.add_subcommand("convert", "Rewrite a pruned TorchScript model so that its zeros pay");
        add_model(convert_app_, convert_.model);
        convert_app_->add_option("--to", convert_.conversion, "What to make of it; see lacuna-cli conversions")
            ->required()
            ->type_name("NAME");
        add_path(convert_app_, "--out", convert_.out, "The converted model")->required()->type_name("OUT");
        auto* recipe = add_path(convert_app_, "--recipe", convert_.recipe, "Prune by this recipe (YAML) first");
        recipe->type_name("RECIPE");
        add_path(convert_app_, "--masks", convert_.masks, "Apply these masks, as prune wrote them, first")
            ->type_name("MASKS")
            ->excludes(recipe);
        add_path(convert_app_, "--data", convert_.data, "Samples to compare on: safetensors with inputs")
            ->type_name("DATA");
        convert_app_
            ->add_option("--input-shape", convert_.input_shape, "Without data, compare on a random input: 1,3,8,8")
            ->delimiter(',')
            ->check(CLI::Range(int64_t(1), int64_t(1) << 20).description(""))
            ->type_name("N,...");
        convert_app_->add_option("--option", convert_.options, "An option of the conversion; may be repeated")
            ->type_name("NAME=VALUE");
        add_sink(convert_app_, "--report", convert_.report, "Also write JSON: what became of each layer");
        convert_app_->footer(
            footer("Without --recipe and --masks, what counts is the zeros that the model holds; quantized_embeddings\n"
                   "prunes by its own options, unless a recipe or masks prune a table: then its options about pruning\n"
                   "have no use. The result is run beside the masked model where an input is known; OUT and REPORT\n"
                   "appear together or not at all. LibTorch is needed.",
                   "  lacuna-cli convert model.pt --recipe rows.yaml --to smaller --out smaller.pt"));
    }

    Arguments chosen() const {
        if (inspect_app_->parsed()) return {inspect_, threads_};
        if (prune_app_->parsed()) return {prune_, threads_};
        if (calibrate_app_->parsed()) return {calibrate_, threads_};
        if (eval_app_->parsed()) return {eval_, threads_};
        if (convert_app_->parsed()) return {convert_, threads_};
        const auto list =
            std::find_if(lists_.begin(), lists_.end(), [](const auto& one) { return one.first->parsed(); });
        return {list->second, threads_};
    }

    CLI::App app_;
    CLI::App *inspect_app_ = nullptr, *prune_app_ = nullptr, *calibrate_app_ = nullptr, *eval_app_ = nullptr,
             *convert_app_ = nullptr;
    InspectArguments inspect_;
    PruneArguments prune_;
    CalibrateArguments calibrate_;
    EvalArguments eval_;
    ConvertArguments convert_;
    std::map<const CLI::App*, ListArguments> lists_;
    int threads_ = 0;
};

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
    return Grammar().parse(argc, argv);
}

}  // namespace lacuna::cli
