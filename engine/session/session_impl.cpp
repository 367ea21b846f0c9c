#include "engine/session/session_impl.h"

#include <algorithm>

#include "engine/base/numbers.h"
#include "engine/mask/nonzero.h"
#include "engine/session/calibration.h"

namespace lacuna {
namespace {

constexpr size_t notices_kept = 20;
constexpr const char* evaluation_tag = "evaluation";

bool any_computing(const Document& document) {
    return std::any_of(document.tensors.begin(), document.tensors.end(), [](const auto& t) { return t->computing; });
}

/// What an error's place adds to a job's title, which names its file already: ":5: steps" of "dir/r.yaml:5: steps".
std::string place_after(const std::string& title, const std::string& where) {
    for (size_t end = where.size(); end > 0 && end != std::string::npos; end = where.rfind(':', end - 1)) {
        const std::string file = std::filesystem::path(where.substr(0, end)).filename().string();
        if (!file.empty() && title.ends_with(file)) return where.substr(end);
    }
    return where.empty() ? "" : ": " + where;
}

/// An Error's place, problem and hint, or what another exception says.
Notice notice_of(const std::exception& exception, const std::string& title) {
    if (const auto* error = dynamic_cast<const Error*>(&exception))
        return {Notice::Kind::error, title + place_after(title, error->where()) + ": " + error->problem(),
                error->hint()};
    return {Notice::Kind::error, title + ": " + exception.what(), {}};
}

/// What to tell of work that did not come to its end; nothing: it did.
std::optional<Notice> failure_of(const std::string& title, const std::string& if_cancelled,
                                 const std::function<void()>& work) {
    try {
        work();
        return std::nullopt;
    } catch (const Cancelled&) {
        return Notice{Notice::Kind::information, title + ": cancelled", if_cancelled};
    } catch (const std::exception& error) {
        return notice_of(error, title);
    }
}

}  // namespace

void Session::Impl::publish() {
    auto next = std::make_shared<Snapshot>();
    next->version = ++version;
    if (document) {
        next->model = document->model;
        next->tensors = document->tensors;
        next->parameters = document->model->layers()[0].parameters;
        next->prunable = document->model->prunable();
        next->steps = document->steps;
        next->schedule = document->schedule;
        next->history = document->history;
        for (const TensorStatePtr& state : document->tensors) {
            if (state->shown) next->pruned += state->shown->size() - state->kept;
            next->pending |= state->pending();
            next->computing |= state->computing;
        }
        add_zeros(*next);
    }
    next->undo_label = undo.label();
    next->redo_label = redo.label();
    next->data = data;
    next->dense = dense;
    next->accuracy = accuracy;
    next->evaluating = evaluating;
    next->evaluation_progress = evaluation_progress;
    next->evaluation_problem = evaluation_problem;
    next->evaluation_hint = evaluation_hint;
    next->job = job;
    next->conversion = conversion;
    next->patterns = patterns;
    next->notices = notices;
    next->modified = edits != saved_edits;
    next->edits = edits;
    next->saved = saved;
    next->session_file = session_file;
    next->recovered_from = recovered_from;
    next->selected_at_first = selected_at_first;
    next->missing_model = missing_model;
    {
        std::lock_guard lock(mutex);
        snapshot = std::move(next);
    }
    if (changed) changed();
}

void Session::Impl::add_zeros(Snapshot& next) {
    zeros.follow(*document);
    next.zeros = zeros.zeros();
    next.all_zeros.known = true;
    for (size_t i = 0; i < next.zeros.size(); ++i) {
        const TensorZeros& one = next.zeros[i];
        const TensorState& state = *next.tensors[i];
        next.all_zeros.coming |= one.coming;
        next.all_zeros.own += one.own;
        next.all_zeros.stepped += one.known ? one.stepped : state.stepped ? state.stepped->pruned() : 0;
        next.all_zeros.shown += one.known ? one.shown : state.shown ? state.shown->size() - state.kept : 0;
    }
}

void Session::Impl::notify(Notice notice) {
    if (notices.size() == notices_kept) notices.erase(notices.begin());
    notice.number = ++notice_number;
    notices.push_back(std::move(notice));
}

void Session::Impl::commit(std::string label, DocumentPtr next) {
    undo.push(std::move(label), *document, *next);
    redo.clear();
    document = std::move(next);
    ++edits;
}

void Session::Impl::edit(const std::string& verb, const std::function<EditResult(const Document&)>& change,
                         const std::string& drag_key) {
    if (!document) return;
    EditResult result;
    try {
        result = change(*document);
    } catch (const std::exception& error) {
        notify(notice_of(error, verb));
        return publish();
    }
    if (result.refused > 0) {
        const size_t others = result.refused - 1;
        notify(Notice::Kind::warning, result.reason,
               others > 0 ? "left alone, and " + grouped(int64_t(others)) + " more" : "left alone");
    }
    if (result.document) {
        take(verb + " of " + tensors_in_words(*document, result.changed), result.document, drag_key);
    }
    drag.clear();
    document_changed();
}

void Session::Impl::edit_whole(const std::string& label, const std::function<DocumentPtr(const Document&)>& change,
                               const std::string& drag_key) {
    if (!document) return;
    try {
        take(label, change(*document), drag_key);
    } catch (const std::exception& error) {
        notify(notice_of(error, label));
    }
    drag.clear();
    document_changed();
}

void Session::Impl::take(std::string label, DocumentPtr next, const std::string& drag_key) {
    const bool joins = !drag.empty() && drag == drag_key && !undo.empty();
    if (!joins) return commit(std::move(label), std::move(next));
    document = std::move(next);
    ++edits;
}

void Session::Impl::go_back(UndoStack& from, UndoStack& to) {
    if (from.empty()) return;
    UndoEntry entry = from.pop();
    DocumentPtr back = with_previews_of(*with_calibration(*entry.document, document->calibration), *document);
    to.push(std::move(entry.label), *document, *back);
    document = std::move(back);
    drag.clear();
    ++edits;
    document_changed();
}

void Session::Impl::start_over() {
    notices.clear();  // of the model before, or of files that could not be opened
    undo.clear();
    redo.clear();
    drag.clear();
    focus.reset();
    detail_of = nullptr;
    session_file.clear();
    recovered_from.clear();
    selected_at_first.clear();
    mark_saved(edits, document);
    forget_evaluations();
    calibrating = false;
    zero_counting.cancel();
    zeros.start_over(document ? &document->model->checkpoint() : nullptr);
}

void Session::Impl::mark_saved(uint64_t at_edits, DocumentPtr as) {
    saved_edits = at_edits;
    saved = std::move(as);
}

bool Session::Impl::pending() const {
    return document && is_pending(*document);
}

void Session::Impl::document_changed() {
    request_calibration();
    request_previews();
    request_zeros();
    request_detail();
    request_evaluation();
    publish();
}

void Session::Impl::request_previews() {
    if (previewing || !document || !any_computing(*document)) return;
    auto found = std::make_shared<std::vector<MaskWork>>(preview_work(*document, focus, calibrating));
    if (found->empty()) return;
    previewing = true;
    previews.post(counted([this, from = document, found](const CancelToken& token) {
        compute_masks(*from, *found, token);
        if (token.cancelled()) return;
        post([this, from, found] {
            previewing = false;
            if (document && document->model == from->model) take_previews(*found);
            document_changed();
        });
    }));
}

void Session::Impl::take_previews(const std::vector<MaskWork>& found) {
    auto next = std::make_shared<Document>(*document);
    for (const MaskWork& work : found)
        for (size_t i = 0; i < work.tensors.size(); ++i) {
            const TensorStatePtr &now = document->tensors[work.tensors[i]], &then = work.states[i];
            TensorStatePtr& state = next->tensors[work.tensors[i]];
            // A value that was dragged on meanwhile still shows this older mask until its own arrives.
            const bool older = now->computing && now->sparsifier == then->sparsifier && now->stepped == then->stepped;
            if (now == then) {
                state = with_shown(*now, work.problem.empty() ? work.masks[i] : now->stepped, false, work.problem);
            } else if (older && work.problem.empty()) {
                state = with_shown(*now, work.masks[i], true);
            }
        }
    document = next;
}

void Session::Impl::request_zeros() {
    if (counting || !document) return;
    zeros.follow(*document);
    auto work = std::make_shared<std::vector<ZeroWork>>(zeros.next_work(*document, focus));
    if (work->empty()) return;
    counting = true;
    zero_counting.post(counted([this, model = document->model, work](const CancelToken& token) {
        count(*work, model->checkpoint(), token);
        post([this, model, work, token] {
            counting = false;
            if (document && document->model == model && !token.cancelled()) zeros.take(*work);
            request_zeros();
            publish();
        });
    }));
}

void Session::Impl::request_detail() {
    if (!document || !focus || *focus >= document->tensors.size()) {
        detail_of = nullptr;
        patterns_for = nullptr;
        patterns = nullptr;
        std::lock_guard lock(mutex);
        detail = nullptr;
        return;
    }
    const TensorStatePtr& state = document->tensors[*focus];
    if (detail_of == state) return;
    detail_of = state;
    const auto work = [this, from = document, tensor = *focus](const CancelToken& token) {
        Progress progress({}, token);
        try {
            auto made = details.make(*from, tensor, progress);
            post([this, from, tensor, made] {
                if (!document || document->model != from->model || focus != tensor) return;
                {
                    std::lock_guard lock(mutex);
                    detail = made;
                }
                request_patterns();
                publish();
            });
        } catch (const Cancelled&) {
        } catch (const std::exception& error) {
            post([this, text = std::string(error.what())] {
                notify(Notice::Kind::error, "Cannot draw this tensor: " + text);
                publish();
            });
        }
    };
    previews.replace("detail", counted(work), false);
}

void Session::Impl::request_patterns() {
    if (!patterns_shown || !detail || patterns_for == detail) return;
    patterns_for = detail;
    const auto work = [this, of = detail](const CancelToken&) {
        auto found = std::make_shared<TensorPatterns>(TensorPatterns{of->model, of->tensor, {}});
        if (of->weight.shape.size() >= 2 && zero_test(of->weight.dtype))
            found->patterns = patterns_of(of->nonzero ? *of->nonzero : *of->mask, default_tile);
        post([this, of, found] {
            if (!document || document->model != of->model || focus != of->tensor) return;
            patterns = found;
            publish();
        });
    };
    zero_counting.replace("patterns", counted(work), false);
}

void Session::Impl::forget_evaluations() {
    dense.reset();
    accuracy.reset();
    evaluation_problem.clear();
    evaluation_hint.clear();
    evaluating = false;
    evaluated.reset();
    evaluation_seconds = 0;
}

void Session::Impl::stop_evaluating() {
    if (!evaluating) return;
    evaluations.replace(
        evaluation_tag, [](const CancelToken&) {}, true);
    evaluating = false;
    evaluated.reset();
}

/// Told once; the reason stays beside the other figures.
void Session::Impl::do_without_accuracy(const Error& reason) {
    evaluating = false;
    accuracy.reset();
    if (evaluation_problem == reason.problem()) return;
    evaluation_problem = reason.problem();
    evaluation_hint = reason.hint();
    if (data->has_labels())
        notify(Notice::Kind::warning,
               "Accuracy on " + data->path().filename().string() + " is not known: " + evaluation_problem,
               evaluation_hint);
}

void Session::Impl::request_evaluation() {
    if (!document || !data) return;
    if (!data->has_labels())
        return do_without_accuracy(
            {ErrorKind::state, "", "the data holds no labels", "open data with labels to see it"});
    if (!document->model->checkpoint().runnable())
        return do_without_accuracy({ErrorKind::state, "", "this checkpoint carries no code to run",
                                    "open the model's TorchScript file to see accuracy"});
    if (any_computing(*document)) return;
    MaskSet masks = shown_masks(*document);
    if ((evaluating || accuracy || !evaluation_problem.empty()) && masks == evaluated) return;
    evaluated = masks;
    evaluating = true;
    evaluation_progress = {};
    // A slow evaluation is given up for newer masks; a quick one finishes, so that a drag shows numbers all along.
    const bool slow = evaluation_seconds > 0.3;
    const auto work = [this, checkpoint = document->model->checkpoint_ptr(), set = data, masks,
                       need_dense = !dense](const CancelToken& token) {
        const auto publish_result = [this, checkpoint, set](const Evaluator::Result& result) {
            post([this, checkpoint, set, result] {
                if (!document || document->model->checkpoint_ptr() != checkpoint || data != set) return;
                take_evaluation(result);
                publish();
            });
        };
        const auto show = [this](const ProgressState& state) {
            post([this, state] {
                evaluation_progress = state;
                publish();
            });
        };
        Progress progress(show, token);
        evaluator.run(checkpoint, *set, masks, need_dense, progress, publish_result);
    };
    evaluations.replace(evaluation_tag, counted(work), slow);
}

void Session::Impl::take_evaluation(const Evaluator::Result& result) {
    if (result.dense) dense = result.dense;
    if (result.pruned) {
        accuracy = result.pruned;
        evaluation_seconds = result.pruned->seconds;
    }
    if (result.problem) return do_without_accuracy(*result.problem);
    evaluation_problem.clear();
    evaluation_hint.clear();
    if (result.pruned && result.masks == evaluated) evaluating = false;
}

/// Runs a job on the control lane: intents that come meanwhile wait for it.
void Session::Impl::run_job(const std::string& title, const CancelToken& token,
                            const std::function<void(Progress&)>& work) {
    const auto show = [&](const ProgressState& state) {
        job = JobState{title, state};
        publish();
    };
    show({});
    Progress progress(show, token);
    if (auto failure = failure_of(title, {}, [&] { work(progress); })) notify(std::move(*failure));
    job.reset();
    document_changed();
}

/// Runs a job on its own lane, beside which editing goes on.
void Session::Impl::start_job(const std::string& title, std::function<void(Progress&)> work,
                              const std::string& if_cancelled) {
    jobs.post(counted([this, title, if_cancelled, work = std::move(work)](const CancelToken& token) {
        const auto show = [&](const ProgressState& state) {
            post([this, now = JobState{title, state}] {
                job = now;
                publish();
            });
        };
        show({});
        Progress progress(show, token);
        post([this, failure = failure_of(title, if_cancelled, [&] { work(progress); })] {
            if (failure) notify(*failure);
            job.reset();
            publish();
        });
    }));
}

DocumentPtr Session::Impl::stepped(const Document& from, Progress& progress) {
    std::vector<MaskWork> work = step_work(from);
    if (work.empty() && !is_pending(from))
        throw Error(ErrorKind::state, "", "nothing to step", "choose a sparsifier for at least one layer");
    compute_masks(from, work, progress);
    for (const MaskWork& item : work)
        if (!item.problem.empty()) throw Error(ErrorKind::argument, from.info(item.tensors[0]).name, item.problem);
    auto next = std::make_shared<Document>(from);
    for (MaskWork& item : work)
        for (size_t i = 0; i < item.tensors.size(); ++i)
            next->tensors[item.tensors[i]] = with_shown(*item.states[i], std::move(item.masks[i]), false);
    commit_shown(*next);
    count_step(*next);
    return next;
}

bool Session::Impl::step_now(const CancelToken& token) {
    if (!document) return false;
    DocumentPtr next;
    run_job("Step", token, [&](Progress& progress) {
        calibrate(uncalibrated(*document), progress);
        next = stepped(*document, progress);
        commit("Step " + std::to_string(next->steps), next);
    });
    return next != nullptr;
}

void Session::Impl::run_to_the_end(const CancelToken& token) {
    if (!document || !document->schedule || document->steps >= document->schedule->steps) return;
    run_job("Taking the schedule's steps", token, [&](Progress& progress) {
        calibrate(uncalibrated(*document), progress);
        bool first = true;
        while (document->steps < document->schedule->steps) {
            DocumentPtr next = stepped(*document, progress);
            if (first) {
                commit("Run schedule", std::move(next));
            } else {
                document = std::move(next);
            }
            first = false;
            publish();
        }
    });
}

}  // namespace lacuna
