#include "app/cli/prune_outputs.h"

#include <fstream>
#include <set>
#include <sstream>

#include "app/cli/text.h"
#include "engine/formats/safetensors.h"

namespace lacuna::cli {
namespace fs = std::filesystem;
namespace {

std::string content_of(const fs::path& file) {
    std::ostringstream content;
    content << std::ifstream(file, std::ios::binary).rdbuf();
    return content.str();
}

/// The same for the same file, whatever folder a command is run in.
fs::path whole_path(const fs::path& path) {
    std::error_code ignored;
    return fs::weakly_canonical(path, ignored);
}

/// All that the outputs depend on.
ShardJournal::Run run_of(const PruneArguments& arguments, const Checkpoint& checkpoint, const fs::path& target) {
    ShardJournal::Run run;
    run.target = whole_path(target);
    if (arguments.masks) run.masks = whole_path(*arguments.masks);
    run.inputs = {{"recipe", version_of(content_of(arguments.recipe))},
                  {"model", version_of(checkpoint)},
                  {"program", LACUNA_VERSION}};
    if (arguments.state) run.inputs["state"] = version_of(content_of(*arguments.state));
    if (arguments.data) run.inputs["data"] = version_of(*open_checkpoint(*arguments.data));
    if (arguments.activations) run.inputs["activations"] = version_of(*open_checkpoint(*arguments.activations));
    return run;
}

}  // namespace

PruneOutputs::PruneOutputs(const PruneArguments& arguments, const Checkpoint& checkpoint, const Console& console)
    : arguments_(arguments),
      console_(console),
      format_(export_format(checkpoint, arguments.format.value_or(writable_format(checkpoint)), arguments.out)),
      target_(export_target(checkpoint, format_, arguments.out)) {
    for (const fs::path& file : checkpoint.files()) set_.protect(file);
    set_.protect(arguments.recipe);
    for (const auto& input : {arguments.state, arguments.data, arguments.activations})
        if (input) set_.protect(*input);
    const bool sharded = format_ == Format::safetensors_sharded;
    const bool report = arguments.report && *arguments.report != "-";
    ShardJournal::Run run = run_of(arguments, checkpoint, target_);
    std::set<fs::path> folders{OutputSet::folder_of(target_)};
    if (arguments.masks) folders.insert(OutputSet::folder_of(*arguments.masks));
    if (arguments.save_state) folders.insert(OutputSet::folder_of(*arguments.save_state));
    if (report) folders.insert(OutputSet::folder_of(*arguments.report));
    if (sharded) look_for_left_over(run);
    for (const fs::path& folder : folders)
        for (const fs::path& staging : OutputSet::left_over(folder))
            if (!ShardJournal::read(staging)) OutputSet::clear(staging);  // others' shards stay theirs

    if (arguments.masks) masks_ = set_.stage(*arguments.masks);
    if (arguments.save_state) save_state_ = set_.stage(*arguments.save_state);
    if (report) report_ = set_.stage(*arguments.report);
    out_ = set_.stage(target_, target_ != arguments.out);
    if (!sharded) return;
    for (const std::string& name : dynamic_cast<const ShardedCheckpoint&>(checkpoint).shard_names())
        set_.add(out_.parent_path() / name);
    if (arguments.masks) run.masks_staged = whole_path(masks_);
    if (journal_) return;
    try {
        journal_ = ShardJournal::begin(out_.parent_path(), std::move(run));
    } catch (const Error& error) {
        throw restated(error);
    }
}

void PruneOutputs::look_for_left_over(const ShardJournal::Run& run) {
    for (const fs::path& staging : OutputSet::left_over(OutputSet::folder_of(target_))) {
        auto journal = ShardJournal::read(staging);
        if (!journal || journal->run().target != run.target || goes_on_) continue;
        const fs::path masks_staged = journal->run().masks_staged;
        if (go_on_with(std::move(*journal), staging, run)) continue;
        OutputSet::clear(staging);
        if (!masks_staged.empty()) OutputSet::clear(masks_staged.parent_path());
    }
}

bool PruneOutputs::go_on_with(ShardJournal journal, const fs::path& staging, const ShardJournal::Run& run) {
    const std::string different = journal.differences(run);
    if (!different.empty()) {
        console_.print_note("an earlier run was stopped, but not with the same " + different +
                            "; this one starts anew");
        return false;
    }
    const fs::path masks = journal.run().masks_staged;
    std::error_code ignored;
    const bool masks_there = masks.empty() || fs::exists(masks, ignored);
    if (journal.shards().empty() || !masks_there || !set_.adopt(OutputSet::folder_of(target_), staging)) return false;
    if (!masks.empty() && masks.parent_path() != whole_path(staging) &&
        !set_.adopt(OutputSet::folder_of(*arguments_.masks), masks.parent_path()))
        return false;
    console_.print_note("going on after " + counted(int64_t(journal.shards().size()), "shard") +
                        " that an earlier run finished");
    journal_ = std::move(journal);
    goes_on_ = true;
    return true;
}

void PruneOutputs::keep_finished() {
    if (!journal_ || journal_->shards().empty()) return;
    set_.keep();
    console_.print_note(counted(int64_t(journal_->shards().size()), "finished shard") + " stay in " +
                        out_.parent_path().string() + "; the same command goes on from there");
}

}  // namespace lacuna::cli
