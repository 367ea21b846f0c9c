#include "engine/session/undo.h"

#include <utility>

#include "engine/session/document_edit.h"

namespace lacuna {
namespace {

bool has_preview(const TensorState& state) {
    return state.pending() || state.computing;
}

/// The state while its preview is not known yet, its weights uncounted.
TensorState without_preview(const TensorState& state) {
    TensorState bare = state;
    bare.shown = bare.stepped;
    bare.kept = 0;
    bare.computing = true;
    bare.problem.clear();
    return bare;
}

/// Shares with `neighbour`, if there is one, the states that are the same.
DocumentPtr without_previews(const Document& document, const Document* neighbour) {
    auto bare = std::make_shared<Document>(document);
    for (size_t i = 0; i < bare->tensors.size(); ++i) {
        TensorStatePtr& state = bare->tensors[i];
        if (!has_preview(*state)) continue;
        TensorState own = without_preview(*state);
        const bool same = neighbour && *neighbour->tensors[i] == own;
        state = same ? neighbour->tensors[i] : std::make_shared<const TensorState>(std::move(own));
    }
    return bare;
}

uint64_t bytes_only_in(const Document& document, const Document& next) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        const MaskPtr& mask = document.tensors[i]->stepped;
        if (mask && mask != next.tensors[i]->stepped) bytes += mask->words().size_bytes();
    }
    return bytes;
}

}  // namespace

void UndoStack::push(std::string label, const Document& document, const Document& next) {
    const Document* neighbour = empty() ? nullptr : entries_.back().document.get();
    entries_.push_back({std::move(label), without_previews(document, neighbour), bytes_only_in(document, next)});
    bytes_ += entries_.back().bytes;
    while (entries_.size() > 1 && (entries_.size() > most_entries_ || bytes_ > most_bytes_)) {
        bytes_ -= entries_.front().bytes;
        entries_.pop_front();
    }
}

UndoEntry UndoStack::pop() {
    UndoEntry entry = std::move(entries_.back());
    entries_.pop_back();
    bytes_ -= entry.bytes;
    return entry;
}

void UndoStack::clear() {
    entries_.clear();
    bytes_ = 0;
}

DocumentPtr with_previews_of(const Document& back, const Document& current) {
    auto next = std::make_shared<Document>(back);
    for (size_t i = 0; i < next->tensors.size(); ++i) {
        TensorStatePtr& state = next->tensors[i];
        if (!state->computing) continue;
        const TensorStatePtr& now = current.tensors[i];
        if (back.ties == current.ties && without_preview(*now) == without_preview(*state)) {
            state = now;
        } else {  // the older mask is shown until its own arrives
            auto outdated = std::make_shared<TensorState>(*state);
            if (now->sparsifier == state->sparsifier && now->stepped == state->stepped) outdated->shown = now->shown;
            outdated->kept = outdated->shown ? outdated->shown->kept() : back.info(i).elements();
            state = std::move(outdated);
        }
    }
    outdate_units(current.tensors, *next);
    return next;
}

}  // namespace lacuna
