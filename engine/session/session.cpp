#include "engine/session/session.h"

#include <algorithm>
#include <utility>

#include "engine/base/listed.h"
#include "engine/base/numbers.h"
#include "engine/base/output_file.h"
#include "engine/session/calibration.h"
#include "engine/session/document_schedule.h"
#include "engine/session/recipe_run.h"
#include "engine/session/session_impl.h"

namespace lacuna {
namespace fs = std::filesystem;

namespace {

const std::string opening_data = "Opening data ";

std::string quoted(const std::string& option) {
    std::string words = option;
    std::replace(words.begin(), words.end(), '_', ' ');
    return words;
}

/// Says which values of a drag belong together.
std::string drag_key(const std::string& option, const std::vector<size_t>& tensors) {
    std::string key = option;
    for (size_t tensor : tensors) key.append(",").append(std::to_string(tensor));
    return key;
}

/// Tensors on which the recipe, run from the start, gives another mask than the one shown.
std::vector<std::string> differing(const Document& document, const Recipe& recipe, Progress& progress) {
    const ActivationSet& seen = document.calibration->seen;
    Pruning pruning(document.model->checkpoint_ptr(), resolve_seen(recipe, document.model->checkpoint(), seen),
                    recipe.ties);
    pruning.set_activations(seen);
    take_steps(pruning, recipe, progress);
    MaskSet shown = export_masks(document);
    std::vector<std::string> names;
    for (const auto& [name, mask] : pruning.masks()) {
        const auto found = shown.find(name);
        const bool same = found != shown.end() ? *found->second == *mask : mask->pruned() == 0;
        if (!same) names.push_back(name);
        if (found != shown.end()) shown.erase(found);
    }
    for (const auto& [name, mask] : shown) names.push_back(name);
    return names;
}

}  // namespace

Session::Session(std::function<void()> changed) : impl_(std::make_unique<Impl>(std::move(changed))) {}
Session::~Session() = default;

SnapshotPtr Session::snapshot() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->snapshot;
}

TensorDetailPtr Session::detail() const {
    std::lock_guard lock(impl_->mutex);
    return impl_->detail;
}

void Session::wait_idle() {
    impl_->outstanding.wait();
}

void Session::cancel_job() {
    impl_->control.cancel();
    impl_->jobs.cancel();
}

// --- files

void Session::open(fs::path file) {
    if (is_session_file(file)) return open_session({std::move(file), {}, false});
    Impl& s = *impl_;
    s.control.post(s.counted([&s, path = std::move(file)](const CancelToken& token) {
        s.run_job("Opening " + path.filename().string(), token, [&](Progress& progress) {
            const CheckpointPtr checkpoint = open_checkpoint(path);
            progress.check();
            s.document = new_document(std::make_shared<const Model>(checkpoint), progress);
            s.start_over();
            for (const std::string& note : checkpoint->notes()) s.notify(Notice::Kind::information, note);
        });
    }));
}

void Session::open_data(fs::path data) {
    Impl& s = *impl_;
    s.control.post(s.counted([&s, path = std::move(data)](const CancelToken& token) {
        s.run_job(opening_data + path.filename().string(), token, [&](Progress&) {
            s.data = Dataset::open(path);
            std::erase_if(s.notices, [](const Notice& one) { return one.text.starts_with(opening_data); });
            s.forget_evaluations();
            s.forget_calibration();
        });
    }));
}

void Session::close() {
    Impl& s = *impl_;
    s.post([&s] {
        s.document = nullptr;
        s.start_over();
        s.document_changed();
    });
}

void Session::load_recipe(fs::path recipe) {
    Impl& s = *impl_;
    s.control.post(s.counted([&s, path = std::move(recipe)](const CancelToken& token) {
        if (!s.document) {
            s.notify(Notice::Kind::warning, "A recipe needs a model to work on", "open a model first");
            return s.publish();
        }
        s.run_job("Recipe " + path.filename().string(), token, [&](Progress& progress) {
            const Recipe read = read_recipe(path);
            const Checkpoint& checkpoint = s.document->model->checkpoint();
            std::vector<Target> targets = resolve(read, checkpoint);
            s.calibrate(weights_to_calibrate(checkpoint, targets), progress);
            const auto left_out = leave_out_unseen(checkpoint, s.document->calibration->seen, targets);
            if (!left_out.empty())
                s.notify(Notice::Kind::information, "Left out, because no input of theirs is known: " + listed(left_out));
            s.commit("Recipe " + path.filename().string(), with_recipe(*s.document, read, progress));
        });
    }));
}

void Session::save_recipe(fs::path recipe) {
    Impl& s = *impl_;
    s.post([&s, path = std::move(recipe)] {
        if (!s.document) return;
        s.start_job("Saving recipe " + path.filename().string(), [&s, path, document = s.document,
                                                                  edits = s.edits](Progress& progress) {
            const Recipe shown = recipe_of(*document);
            if (shown.groups.empty())
                throw Error(ErrorKind::state, path.string(), "there is nothing to save",
                            "choose a sparsifier for at least one layer");
            Recipe so_far = shown;
            so_far.steps = steps_shown(*document);
            const std::vector<std::string> other = differing(*document, so_far, progress);
            const std::string text = to_yaml(shown);
            parse_recipe(text, path.string());  // what nothing would read is not written
            write_file(path, text);
            s.post([&s, path, other, edits, document, left = shown.steps - so_far.steps, taken = so_far.steps] {
                s.mark_saved(edits, document);
                if (other.empty()) {
                    s.notify(Notice::Kind::information, "Saved " + path.filename().string(),
                             left == 0 ? "run from the start it gives the very masks shown: checked"
                                       : "its first " + std::to_string(taken) +
                                             " steps give the very masks shown: checked; run headless it takes all " +
                                             std::to_string(taken + left));
                } else {
                    s.notify(Notice::Kind::warning,
                             "Saved " + path.filename().string() + ", which gives other masks for " +
                                 counted(int64_t(other.size()), "tensor") + ", first " + other[0],
                             "their steps were taken with changing options, which a recipe cannot say");
                }
                s.publish();
            });
        });
    });
}

// --- intents

void Session::set_sparsifier(std::vector<size_t> tensors, std::string sparsifier) {
    Impl& s = *impl_;
    s.post([&s, tensors = std::move(tensors), name = std::move(sparsifier)] {
        s.edit(name.empty() ? "Remove sparsifier" : "Set sparsifier",
               [&](const Document& document) { return with_sparsifier(document, tensors, name); });
    });
}

void Session::set_option(std::vector<size_t> tensors, std::string option, OptionValue value, bool dragging) {
    Impl& s = *impl_;
    s.post([&s, tensors = std::move(tensors), option = std::move(option), value = std::move(value), dragging] {
        const std::string key = drag_key(option, tensors);
        s.edit(
            "Set " + quoted(option),
            [&](const Document& document) { return with_option(document, tensors, option, value); }, key);
        s.drag = dragging ? key : "";
    });
}

void Session::reset_option(std::vector<size_t> tensors, std::string option) {
    Impl& s = *impl_;
    s.post([&s, tensors = std::move(tensors), option = std::move(option)] {
        s.edit("Reset " + quoted(option),
               [&](const Document& document) { return with_option(document, tensors, option, std::nullopt); });
    });
}

void Session::set_frozen(std::vector<size_t> tensors, bool frozen) {
    Impl& s = *impl_;
    s.post([&s, tensors = std::move(tensors), frozen] {
        s.edit(frozen ? "Freeze mask" : "Free mask",
               [&](const Document& document) { return with_frozen(document, tensors, frozen); });
    });
}

void Session::clear_masks(std::vector<size_t> tensors) {
    Impl& s = *impl_;
    s.post([&s, tensors = std::move(tensors)] {
        s.edit("Clear mask", [&](const Document& document) { return with_masks_cleared(document, tensors); });
    });
}

void Session::step() {
    Impl& s = *impl_;
    s.control.post(s.counted([&s](const CancelToken& token) { s.step_now(token); }));
}

void Session::restart() {
    impl_->post([&s = *impl_] { s.edit_whole("Start over", restarted); });
}

void Session::undo() {
    impl_->post([&s = *impl_] { s.go_back(s.undo, s.redo); });
}

void Session::redo() {
    impl_->post([&s = *impl_] { s.go_back(s.redo, s.undo); });
}

// --- the schedule

void Session::set_schedule(std::vector<std::string> schedulers) {
    impl_->post([&s = *impl_, names = std::move(schedulers)] {
        s.edit_whole(names.empty() ? "Remove schedule" : "Set schedule",
                     [&](const Document& document) { return with_schedule(document, names); });
    });
}

void Session::set_steps(int steps, bool dragging) {
    impl_->post([&s = *impl_, steps, dragging] {
        s.edit_whole(
            "Set number of steps", [&](const Document& document) { return with_steps(document, steps); }, "steps");
        s.drag = dragging ? "steps" : "";
    });
}

void Session::fit_schedule() {
    impl_->post([&s = *impl_] { s.edit_whole("Fit schedule to its steps", with_fitted_schedule); });
}

void Session::set_schedule_option(std::vector<size_t> tensors, size_t scheduler, std::string option, OptionValue value,
                                  bool dragging) {
    Impl& s = *impl_;
    s.post(
        [&s, tensors = std::move(tensors), scheduler, option = std::move(option), value = std::move(value), dragging] {
            const std::string key = drag_key("schedule's " + std::to_string(scheduler) + option, tensors);
            const auto change = [&](const Document& document) {
                return with_schedule_option(document, tensors, scheduler, option, value);
            };
            s.edit("Set schedule's " + quoted(option), change, key);
            s.drag = dragging ? key : "";
        });
}

void Session::reset_schedule_option(std::vector<size_t> tensors, size_t scheduler, std::string option) {
    Impl& s = *impl_;
    s.post([&s, tensors = std::move(tensors), scheduler, option = std::move(option)] {
        s.edit("Reset schedule's " + quoted(option), [&](const Document& document) {
            return with_schedule_option(document, tensors, scheduler, option, std::nullopt);
        });
    });
}

void Session::run_schedule() {
    Impl& s = *impl_;
    s.control.post(s.counted([&s](const CancelToken& token) { s.run_to_the_end(token); }));
}

// --- view

void Session::focus(std::optional<size_t> tensor) {
    impl_->post([&s = *impl_, tensor] {
        if (s.focus == tensor) return;
        s.focus = tensor;
        s.detail_of = nullptr;
        s.request_detail();
        s.publish();
    });
}

void Session::show_patterns(bool shown) {
    impl_->post([&s = *impl_, shown] {
        s.patterns_shown = shown;
        s.request_patterns();
    });
}

}  // namespace lacuna
