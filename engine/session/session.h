#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/formats/formats.h"
#include "engine/mask/patterns.h"
#include "engine/model/conversion.h"
#include "engine/model/model.h"
#include "engine/model/runner.h"
#include "engine/schedulers/schedule.h"
#include "engine/session/detail.h"
#include "engine/session/recipe.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// What holds for one tensor at one moment. Immutable once published.
struct TensorState {
    const Sparsifier* sparsifier = nullptr;  ///< null: this tensor is left alone
    Options options;                         ///< as given; `Sparsifier::complete` fills in the rest
    bool frozen = false;                     ///< steps pass it by
    std::vector<Options> schedule;           ///< as given, for each of the document's schedulers; left out: none
    std::optional<double> scheduled;         ///< the next step's sparsity level by the schedule; nothing: the options'
    MaskPtr saved;                           ///< the mask that the file holds for a prepared tensor; null: none
    MaskPtr stepped;                         ///< the mask after the steps taken, or `saved`; null: nothing pruned yet
    MaskPtr shown;                           ///< what the next step would give: live preview; null: nothing pruned
    int64_t kept = 0;                        ///< of `shown`, by the mask
    bool computing = false;                  ///< `shown` is older than the options; a newer one is on its way
    std::string problem;                     ///< why no preview could be computed, in words; empty: all is well

    bool pending() const { return shown != stepped; }
    bool operator==(const TensorState&) const = default;  ///< masks are the same where they are the very same
};
using TensorStatePtr = std::shared_ptr<const TensorState>;

/// Zeros of a parameter in what an export would write. They are counted in the background: the masks shown may be a
/// moment newer.
struct TensorZeros {
    bool coming = false;  ///< not counted yet
    bool known = false;   ///< false too for other tensors than parameters, and where a type's zeros cannot be told
    int64_t own = 0;      ///< that lie in the file, ±0 alike
    int64_t stepped = 0;  ///< once the stepped masks are laid on
    int64_t shown = 0;    ///< once the shown masks are
    bool operator==(const TensorZeros&) const = default;
};

/// How sparsity levels move from step to step: step i is taken at epoch i − 1. Each tensor has options of its own
/// (TensorState::schedule); its own sparsity level is what the first scheduler begins with, and where a cubic curve
/// ends.
struct ScheduleState {
    std::vector<const Schedule*> rules;  ///< in the order in which they set a step's level; never empty, none null
    int steps = 1;                       ///< that are meant to be taken; not fewer than were taken
    bool operator==(const ScheduleState&) const = default;
};

/// Kept weights of every tensor after one step, in the checkpoint's order; null: the step was taken before the state
/// that was loaded.
using StepRecord = std::shared_ptr<const std::vector<int64_t>>;

/// A job that runs now, for a progress bar; Session::cancel_job() stops it.
struct JobState {
    std::string title;  ///< "Exporting resnet.pt"
    ProgressState progress;
};

/// Something to tell the person, once. `number` grows with each notice.
struct Notice {
    enum class Kind { information, warning, error } kind = Kind::information;
    std::string text;    ///< one line
    std::string detail;  ///< what to do, or what was proven; may be empty
    uint64_t number = 0;
};

/// How a model is to be rewritten, and where to.
struct ConversionOrder {
    std::string conversion;  ///< the name of one of conversions()
    Options options;         ///< as given
    Shape input_shape;       ///< of a random input to compare on where no data is open; empty: none
    std::filesystem::path out;
};

/// What came of one.
struct ConversionResult {
    std::string conversion;
    std::filesystem::path out;
    ConversionReport report;
};
using ConversionResultPtr = std::shared_ptr<const ConversionResult>;

/// What is zero from end to end in a tensor as an export would write it, and which N:M patterns it keeps to.
struct TensorPatterns {
    ModelPtr model;
    size_t tensor = 0;
    std::optional<Patterns> patterns;  ///< nothing for what is no matrix, and where zeros cannot be told
};
using TensorPatternsPtr = std::shared_ptr<const TensorPatterns>;

struct Document;

/// A session file to open, and how.
struct SessionOrder {
    std::filesystem::path file;
    std::filesystem::path model;  ///< where its model is now; empty: as the file says
    bool recovered = false;       ///< it is a copy that was kept against a crash: what it holds is not saved
};

/// A session that could not be opened because its model is not where it was.
struct MissingModel {
    SessionOrder order;
    std::filesystem::path model;  ///< where it was
};

/// Everything the window draws, as one immutable value. Published by the Session after every change.
struct Snapshot {
    uint64_t version = 0;
    ModelPtr model;                       ///< null: nothing is open
    std::vector<TensorStatePtr> tensors;  ///< one for each of the checkpoint's tensors, never null
    int64_t parameters = 0;               ///< Checkpoint::parameters()
    int64_t prunable = 0;                 ///< elements of the tensors that `layers: "*"` takes
    int64_t pruned = 0;                   ///< weights pruned by the shown masks, over all tensors
    std::vector<TensorZeros> zeros;       ///< one for each of the checkpoint's tensors
    TensorZeros all_zeros;                ///< their sums; where zeros are not known, masks alone count
    int steps = 0;
    std::optional<ScheduleState> schedule;  ///< none: every step is taken at the tensors' own levels
    std::vector<StepRecord> history;        ///< one for each step taken
    bool pending = false;                   ///< the shown masks are not all stepped
    bool computing = false;                 ///< previews are on their way
    std::string undo_label, redo_label;     ///< "Set sparsity level of 3 layers"; empty: nothing to undo
    DatasetPtr data;
    std::optional<Evaluation> dense;     ///< of the unpruned model
    std::optional<Evaluation> accuracy;  ///< of the model under the shown masks
    bool evaluating = false;             ///< `accuracy` is out of date and on its way
    ProgressState evaluation_progress;   ///< while `evaluating`
    std::string evaluation_problem;      ///< why there is no accuracy although there is data
    std::string evaluation_hint;         ///< what to do about it
    std::optional<JobState> job;
    ConversionResultPtr conversion;         ///< the latest; null: there was none
    TensorPatternsPtr patterns;             ///< of the tensor in focus or, for a moment, of the one before; null: none
    std::vector<Notice> notices;            ///< the latest few; those about one model go when another is opened
    bool modified = false;                  ///< changed since it was opened, saved, exported or written as a recipe
    uint64_t edits = 0;                     ///< grows with each change
    std::shared_ptr<const Document> saved;  ///< as it was then (unsaved.h)
    std::filesystem::path session_file;     ///< what it is saved as; empty: it was not yet
    std::filesystem::path recovered_from;   ///< the copy that it came from; empty: from none
    std::vector<size_t> selected_at_first;  ///< tensors that were selected when the session was saved
    std::shared_ptr<const MissingModel> missing_model;  ///< of the latest session opened; null: it was there

    /// Nothing known where no zeros were published at all.
    TensorZeros zeros_of(size_t tensor) const { return tensor < zeros.size() ? zeros[tensor] : TensorZeros{}; }
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// What the mask and distribution canvases draw of one tensor: costly to make, so made by a job and only for the tensor
/// in focus. Parts that do not depend on the mask are shared between versions.
struct TensorDetail {
    size_t tensor = 0;
    ModelPtr model;  ///< keeps `weight` alive
    TensorView weight;
    MaskPtr mask;           ///< never null; ones where nothing is pruned
    int64_t kept = 0;       ///< weights that `mask` keeps
    MaskPtr nonzero;        ///< those of them that are not zero in the file either; null: all of them
    int64_t zero_kept = 0;  ///< weights that `mask` keeps although they are zero
    bool pending = false;   ///< the mask is a preview, not stepped
    std::shared_ptr<const WeightBins> bins;
    std::shared_ptr<const std::vector<int64_t>> pruned_bins;
    double full_scale = 0;  ///< magnitude that the colour ramp ends at
    std::shared_ptr<const Pyramid> magnitude;
    std::shared_ptr<const Pyramid> density;
    std::shared_ptr<const Pyramid> nonzero_density;  ///< of `nonzero`; null where that is
    std::shared_ptr<const ThresholdCurve> curve;     ///< null: the sparsifier has no threshold
    /// What the sparsity level is a share of, where that is not the tensor's weights: "1×4 blocks", "5 tensors'
    /// weights".
    std::string level_of;
    /// What of a block the curve's thresholds are compared with: "mean |w|", "RMS"; empty: |w| itself.
    std::string threshold_of;
    std::optional<double> level;      ///< the tensor's sparsity_level, if its sparsifier has one
    std::optional<double> scheduled;  ///< what the schedule makes of it for the next step; nothing: no schedule

    /// Whether a weight is kept by the mask although it is zero in the file.
    bool is_zero_kept(int64_t i) const { return nonzero && (*mask)[i] && !(*nonzero)[i]; }
};
using TensorDetailPtr = std::shared_ptr<const TensorDetail>;

/// The document that a person works in. Intents return at once; one thread of the session's own applies them in order
/// (latest wins for values that are being dragged), computes previews, runs jobs, and publishes snapshots.
/// All members may be called from any thread. Nothing here knows a window.
class Session {
  public:
    /// `changed` is called on the session's thread after each publication: be quick, post to the window's own thread.
    explicit Session(std::function<void()> changed);
    ~Session();  ///< cancels what runs and waits for it

    SnapshotPtr snapshot() const;
    TensorDetailPtr detail() const;  ///< of the tensor in focus; null while there is none

    // --- files (jobs)
    /// Opens a model, or a session where the file's content says so.
    void open(std::filesystem::path file);
    void open_session(SessionOrder order);
    /// Saves the document, what undo goes back to, and where its model and data are (session_file.h). `done` is called
    /// on a thread of the session's, with whether it was saved.
    void save_session(std::filesystem::path file, std::vector<size_t> selected, std::function<void(bool)> done = {});
    /// Writes the same to `copy` if something is not saved, beside whatever else runs: for a restart after a crash.
    void keep_copy(std::filesystem::path copy, std::vector<size_t> selected);
    void drop_copy(std::filesystem::path copy);
    void open_data(std::filesystem::path data);
    void close();
    void load_recipe(std::filesystem::path recipe);
    /// Takes over masks, sparsifiers, options and schedulers that a sparsifier's state_dict() holds, saved in Python or
    /// here. Undoable.
    void load_state(std::filesystem::path state);
    /// Writes the masks stepped, and what else a sparsifier's state_dict() holds, for PyTorch and `load_state`. A
    /// preview is not in it.
    void save_state(std::filesystem::path state);
    /// Writes the current groups as a recipe that gives the same masks headless. What a recipe cannot say (steps taken
    /// with different options) becomes a warning notice.
    void save_recipe(std::filesystem::path recipe);
    /// Exports what is shown: a pending preview is stepped first, which undo can take back.
    void export_model(std::filesystem::path out, Format format, std::optional<std::filesystem::path> masks = {});

    /// Rewrites the model under the masks shown, which stay as they are.
    void convert_model(ConversionOrder order);

    // --- intents (undoable). An intent on tensors that cannot take it leaves those alone and says so in a notice.
    void set_sparsifier(std::vector<size_t> tensors, std::string sparsifier);  ///< "" takes the sparsifier away
    /// `dragging`: more values will follow; they become one undo entry, closed by the first call without it.
    void set_option(std::vector<size_t> tensors, std::string option, OptionValue value, bool dragging = false);
    void reset_option(std::vector<size_t> tensors, std::string option);
    void set_frozen(std::vector<size_t> tensors, bool frozen);
    void step();
    void clear_masks(std::vector<size_t> tensors);  ///< back to ones
    void restart();  ///< back to before the first step: no mask but the file's, the same choices
    void undo();
    void redo();

    // --- the schedule (undoable)
    /// The schedulers in order; none takes the schedule away. A new one gets options under which its curve ends at the
    /// last step, and the first one ten steps unless more were taken; those that were there keep their options.
    void set_schedule(std::vector<std::string> schedulers);
    /// How many steps are meant to be taken in all; not fewer than were taken. Needs a schedule.
    void set_steps(int steps, bool dragging = false);
    void fit_schedule();  ///< the options under which every curve ends at the last step
    /// `scheduler` counts from 0.
    void set_schedule_option(std::vector<size_t> tensors, size_t scheduler, std::string option, OptionValue value,
                             bool dragging = false);
    void reset_schedule_option(std::vector<size_t> tensors, size_t scheduler, std::string option);
    /// A job: takes the steps that are left. Cancelled, it stays at the step that it came to.
    void run_schedule();

    // --- view
    void focus(std::optional<size_t> tensor);  ///< whose TensorDetail to keep current
    void show_patterns(bool shown);            ///< whether to keep Snapshot::patterns current; at first not
    void cancel_job();
    /// Blocks until every intent so far is applied and previews, zeros, detail and accuracy are current. For tests and
    /// headless use.
    void wait_idle();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lacuna
