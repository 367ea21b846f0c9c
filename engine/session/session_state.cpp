// The part of a session that takes sparsifiers' states from Python and gives them back.

#include "engine/base/numbers.h"
#include "engine/session/document_state.h"
#include "engine/session/session_impl.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

std::string in_words(const SparsifierState& state) {
    int64_t pruned = 0;
    for (const SavedGroup& group : state.groups)
        if (group.mask) pruned += group.mask->pruned();
    return counted(int64_t(state.groups.size()), "tensor") + ", " + counted(pruned, "pruned weight");
}

}  // namespace

void Session::load_state(fs::path state) {
    Impl& s = *impl_;
    s.control.post(s.counted([&s, path = std::move(state)](const CancelToken& token) {
        if (!s.document) {
            s.notify(Notice::Kind::warning, "A sparsifier's state needs a model to work on", "open a model first");
            return s.publish();
        }
        s.run_job("Loading state " + path.filename().string(), token, [&](Progress& progress) {
            const SparsifierState read = read_sparsifier_state(path, progress);
            s.commit("Load state " + path.filename().string(), with_state(*s.document, read));
            s.notify(Notice::Kind::information, "Loaded state " + path.filename().string(), in_words(read));
            for (const std::string& note : read.notes) s.notify(Notice::Kind::information, note);
        });
    }));
}

void Session::save_state(fs::path state) {
    Impl& s = *impl_;
    s.post([&s, path = std::move(state)] {
        if (!s.document) return;
        s.start_job("Saving state " + path.filename().string(), [&s, path, document = s.document](Progress& progress) {
            const SparsifierState now = state_of(*document);
            write_sparsifier_state(now, path, progress);
            std::string detail = in_words(now) + " after " + counted(document->steps, "step");
            if (is_pending(*document)) detail += "; the preview of the next one is not in it";
            s.post([&s, path, detail, notes = now.notes] {
                s.notify(Notice::Kind::information, "Saved state " + path.filename().string(), detail);
                for (const std::string& note : notes) s.notify(Notice::Kind::information, note);
                s.publish();
            });
        });
    });
}

}  // namespace lacuna
