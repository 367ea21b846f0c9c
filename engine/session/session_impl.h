#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/session/detail_cache.h"
#include "engine/session/document.h"
#include "engine/session/evaluator.h"
#include "engine/session/lane.h"
#include "engine/session/mask_work.h"
#include "engine/session/session.h"
#include "engine/session/session_file.h"
#include "engine/session/undo.h"
#include "engine/session/zero_counts.h"

namespace lacuna {

/// Counts work on its way. Held by the work itself, so work that is dropped unseen counts as done too.
class Outstanding {
  public:
    std::shared_ptr<void> ticket() {
        {
            std::lock_guard lock(mutex_);
            ++count_;
        }
        return {static_cast<void*>(this), [this](void*) {
                    std::lock_guard lock(mutex_);
                    if (--count_ == 0) none_.notify_all();
                }};
    }
    void wait() {
        std::unique_lock lock(mutex_);
        none_.wait(lock, [this] { return count_ == 0; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable none_;
    int count_ = 0;
};

/// Six lanes: `control` owns every member below the line and applies intents in order; the others compute on immutable
/// documents and post what they found back to it.
struct Session::Impl {
    explicit Impl(std::function<void()> on_change) : changed(std::move(on_change)) {}
    /// All are cancelled before the first is waited for: one may wait for what another does.
    ~Impl() {
        for (Lane* lane : {&control, &previews, &evaluations, &zero_counting, &jobs, &copies}) lane->give_up();
        for (Lane* lane : {&control, &previews, &evaluations, &zero_counting, &jobs, &copies}) lane->stop();
    }

    std::function<void()> changed;
    mutable std::mutex mutex;  ///< guards the two pointers that others read
    SnapshotPtr snapshot = std::make_shared<const Snapshot>();
    TensorDetailPtr detail;
    Outstanding outstanding;
    // ---- control lane only
    DocumentPtr document;
    UndoStack undo, redo;
    std::string drag;  ///< what is being dragged: further values of it join the last undo entry
    std::optional<size_t> focus;
    TensorStatePtr detail_of;  ///< the state that the detail on its way is of
    DatasetPtr data;
    std::optional<MaskSet> evaluated;  ///< what an evaluation was asked for last
    double evaluation_seconds = 0;
    std::optional<Evaluation> dense, accuracy;
    ProgressState evaluation_progress;
    std::string evaluation_problem, evaluation_hint;
    ZeroCounts zeros;
    bool evaluating = false, previewing = false, calibrating = false, counting = false;
    uint64_t edits = 0, saved_edits = 0;  ///< counted, for what was saved may be older than what is shown
    DocumentPtr saved;                    ///< as it was at `saved_edits`
    std::filesystem::path session_file, recovered_from;
    std::vector<size_t> selected_at_first;
    std::shared_ptr<const MissingModel> missing_model;
    std::string copy_problem;  ///< that was told last
    std::optional<JobState> job;
    ConversionResultPtr conversion;
    bool patterns_shown = false;
    TensorDetailPtr patterns_for;  ///< the detail whose patterns are counted or on their way
    TensorPatternsPtr patterns;
    std::vector<Notice> notices;
    uint64_t notice_number = 0, version = 0;
    // ---- one lane each
    DetailCache details;  ///< previews
    Evaluator evaluator;  ///< any
    Lane control, previews, evaluations, zero_counting, jobs, copies;

    /// Work for a lane, counted for wait_idle. It must not throw.
    Lane::Work counted(Lane::Work work) {
        return [ticket = outstanding.ticket(), work = std::move(work)](const CancelToken& token) { work(token); };
    }
    void post(std::function<void()> work) {
        control.post(counted([this, work = std::move(work)](const CancelToken&) {
            try {
                work();
            } catch (const std::exception& error) {  // memory that ran out, above all
                notify(Notice::Kind::error, std::string("That failed: ") + error.what());
                publish();
            }
        }));
    }

    // ---- publishing
    void publish();
    void add_zeros(Snapshot& next);
    void notify(Notice notice);  ///< numbers it
    void notify(Notice::Kind kind, std::string text, std::string text_detail = {}) {
        notify(Notice{kind, std::move(text), std::move(text_detail)});
    }

    // ---- editing
    void commit(std::string label, DocumentPtr next);
    void edit(const std::string& verb, const std::function<EditResult(const Document&)>& change,
              const std::string& drag_key = {});
    /// The same for what is not of tensors; `label` is the whole of the undo entry's.
    void edit_whole(const std::string& label, const std::function<DocumentPtr(const Document&)>& change,
                    const std::string& drag_key = {});
    /// Commits an edit, or lets it join the last one while both are of one drag.
    void take(std::string label, DocumentPtr next, const std::string& drag_key);
    /// Undo and redo: the newest document of `from` becomes the current one, which goes to `to`.
    void go_back(UndoStack& from, UndoStack& to);
    /// After another model was opened or this one closed.
    void start_over();
    /// `document` is safe somewhere; it was the current one when `edits` were counted.
    void mark_saved(uint64_t at_edits, DocumentPtr as);
    // ---- session files
    std::vector<Moment> moments() const;
    SessionFacts facts(const std::vector<size_t>& selected) const;
    void restore(const SessionOrder& order, Progress& progress);
    void reopen_data(const std::filesystem::path& path);
    bool pending() const;
    void document_changed();
    void request_previews();
    void take_previews(const std::vector<MaskWork>& found);
    void request_zeros();
    void request_detail();
    void request_patterns();
    void request_evaluation();
    void take_evaluation(const Evaluator::Result& result);
    void do_without_accuracy(const Error& reason);
    void forget_evaluations();
    /// Makes way for a run that cannot wait; what is shown is evaluated again afterwards.
    void stop_evaluating();
    /// Starts a job that sees what the document's rules look at, if something is missing and there is data for it.
    void request_calibration();
    /// The same at once, for what is to be stepped now: `weights` are those that a calibration is missing of.
    void calibrate(const std::vector<std::string>& weights, Progress& progress);
    void take_calibration(const std::vector<std::string>& weights, ActivationSet seen);
    void fail_calibration(const std::vector<std::string>& weights, const Error& error);
    void forget_calibration();

    // ---- jobs
    void run_job(const std::string& title, const CancelToken& token, const std::function<void(Progress&)>& work);
    void start_job(const std::string& title, std::function<void(Progress&)> work,
                   const std::string& if_cancelled = "nothing was written");
    DocumentPtr stepped(const Document& from, Progress& progress);
    bool step_now(const CancelToken& token);
    void run_to_the_end(const CancelToken& token);
};

}  // namespace lacuna
