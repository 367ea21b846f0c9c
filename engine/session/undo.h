#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "engine/session/document.h"

namespace lacuna {

struct UndoEntry {
    std::string label;
    DocumentPtr document;
    uint64_t bytes = 0;  ///< of the masks that the document which came after it does not have
};

/// Documents to go back to. They hold what was decided and stepped; masks that were previews only are computed again
/// when a document comes back, for each is as large as a step's. The oldest entries go once there are too many or their
/// masks take too much memory; the newest stays whatever it takes.
class UndoStack {
  public:
    static constexpr size_t default_entries = 200;
    static constexpr uint64_t default_bytes = uint64_t(1) << 30;
    explicit UndoStack(size_t most_entries = default_entries, uint64_t most_bytes = default_bytes)
        : most_entries_(most_entries), most_bytes_(most_bytes) {}

    bool empty() const { return entries_.empty(); }
    size_t size() const { return entries_.size(); }
    const std::deque<UndoEntry>& entries() const { return entries_; }  ///< oldest first
    /// Of the newest entry; "" if there is none.
    std::string label() const { return empty() ? "" : entries_.back().label; }
    /// `next` takes the place of `document`.
    void push(std::string label, const Document& document, const Document& next);
    /// Takes the newest entry, which must be there.
    UndoEntry pop();
    void clear();

  private:
    const size_t most_entries_;
    const uint64_t most_bytes_;
    uint64_t bytes_ = 0;
    std::deque<UndoEntry> entries_;
};

/// `back`, which comes from an UndoStack, with the previews of `current` where they hold for it too; the others are to
/// be computed again.
DocumentPtr with_previews_of(const Document& back, const Document& current);

}  // namespace lacuna
