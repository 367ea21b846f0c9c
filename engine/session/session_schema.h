#pragma once

#include <cstdint>

#include "engine/session/undo.h"

namespace lacuna {

/// SQLite's application_id of sessions: "Lcna". Its user_version is the format's version.
inline constexpr int64_t session_application = 0x4C636E61;
inline constexpr int64_t session_version = 1;
/// Moments in a session: those that undo goes back to, and the last.
inline constexpr int64_t most_moments = int64_t(UndoStack::default_entries) + 1;

/// fact: by name, as text: where the model and the data are, `recipe` (the last moment's, for people and other
/// programs; it is not read back).
/// tensor: those that others speak of, by their place in the model.
/// moment: documents, oldest first. `schedulers` is a JSON list of names; null: there is no schedule.
/// record: kept weights of every tensor after a step, as zstd of 64-bit numbers; null: they are not known. A record
/// that the moment before has at the same step is left out. state: of a tensor that is not as in the moment before (in
/// the first moment: not as the model's file says). `options` is a JSON object and `schedule` a list of them. `mask` is
/// a MaskChange; `delta` what of the stepped mask changed, a bit a weight in 64-bit words, as zstd. `pending`: another
/// mask is shown than the stepped one, or still to be shown.
inline constexpr const char* session_schema[] = {
    "CREATE TABLE fact(name TEXT, value TEXT)",
    "CREATE TABLE tensor(number INTEGER, name TEXT, shape TEXT)",
    "CREATE TABLE moment(number INTEGER, label TEXT, ties TEXT, steps INTEGER, planned INTEGER, schedulers TEXT)",
    "CREATE TABLE record(moment INTEGER, step INTEGER, kept BLOB)",
    "CREATE TABLE state(moment INTEGER, tensor INTEGER, sparsifier TEXT, options TEXT, schedule TEXT, scheduled REAL, "
    "frozen INTEGER, pending INTEGER, mask INTEGER, delta BLOB)",
};

/// How a tensor's stepped mask came about.
enum class MaskChange : int64_t {
    same = 0,   ///< as in the moment before
    none = 1,   ///< nothing is pruned
    saved = 2,  ///< the one in the model's file
    delta = 3,  ///< `delta` away from the one of the moment before, or from ones where there was none
};

/// Names of facts.
namespace fact {
inline constexpr const char* model = "model";
inline constexpr const char* data = "data";
inline constexpr const char* beside = " beside";  ///< after a name: the same as seen from the session's folder
inline constexpr const char* model_tensors = "model tensors";  ///< CheckpointIdentity
inline constexpr const char* model_weights = "model weights";
inline constexpr const char* selected = "selected";
inline constexpr const char* recipe = "recipe";
inline constexpr const char* copy_of = "copy of";
inline constexpr const char* unsaved = "unsaved";
}  // namespace fact

}  // namespace lacuna
