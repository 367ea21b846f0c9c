#include "engine/session/undo.h"

#include <gtest/gtest.h>

namespace lacuna {
namespace {

constexpr int64_t weights = 1024;
constexpr uint64_t mask_bytes = weights / 8;

MaskPtr some_mask() {
    return std::make_shared<const Mask>(Mask::zeros({weights}));
}

/// A document of one tensor that has this mask.
Document stepped(MaskPtr mask) {
    TensorState state;
    state.stepped = state.shown = std::move(mask);
    Document document;
    document.tensors.push_back(std::make_shared<const TensorState>(std::move(state)));
    return document;
}

/// `document` with something decided, so that it shows `preview`.
Document previewing(const Document& document, MaskPtr preview, bool frozen_once = false) {
    auto state = std::make_shared<TensorState>(*document.tensors[0]);
    state->sparsifier = &sparsifier("weight_norm");
    state->shown = std::move(preview);
    state->frozen = frozen_once;
    Document next = document;
    next.tensors[0] = std::move(state);
    return next;
}

TEST(UndoStack, KeepsSoManyEntries) {
    UndoStack undo(3);
    const Document document = stepped(nullptr);
    for (int i = 0; i < 5; ++i) undo.push(std::to_string(i), document, document);
    EXPECT_EQ(undo.size(), 3u);
    for (const char* label : {"4", "3", "2"}) EXPECT_EQ(undo.pop().label, label);
    EXPECT_TRUE(undo.empty());
    EXPECT_EQ(undo.label(), "");
}

TEST(UndoStack, KeepsMasksOfSoManyBytesAndTheNewestEntryInAnyCase) {
    UndoStack undo(100, 3 * mask_bytes);
    Document document = stepped(some_mask());
    for (int i = 0; i < 5; ++i) {
        const Document next = stepped(some_mask());
        undo.push(std::to_string(i), document, next);
        undo.push("of the same mask", next, next);
        document = next;
    }
    EXPECT_EQ(undo.size(), 7u) << "three masks, and four that need none";
    UndoStack small(100, mask_bytes - 1);
    for (int i = 0; i < 3; ++i) small.push("", stepped(some_mask()), stepped(some_mask()));
    EXPECT_EQ(small.size(), 1u);
    small.pop();
    for (int i = 0; i < 3; ++i) small.push("", document, document);
    EXPECT_EQ(small.size(), 3u) << "what was popped no longer counts";
}

TEST(UndoStack, HoldsNoPreviews) {
    UndoStack undo;
    const MaskPtr mask = some_mask();
    MaskPtr preview = some_mask();
    const std::weak_ptr<const Mask> held = preview;
    Document document = previewing(stepped(mask), std::move(preview));
    undo.push("one", document, stepped(mask));
    document.ties = Ties::aten;
    undo.push("two", document, stepped(mask));
    document = stepped(mask);
    EXPECT_TRUE(held.expired());
    const UndoEntry two = undo.pop(), one = undo.pop();
    EXPECT_TRUE(two.document->tensors[0]->computing);
    EXPECT_EQ(two.document->tensors[0]->shown, mask);
    EXPECT_EQ(two.document->tensors[0], one.document->tensors[0]) << "equal states are one";
}

TEST(UndoStack, APreviewThatStillHoldsIsTakenOver) {
    UndoStack undo;
    const Document before = previewing(stepped(some_mask()), some_mask());
    undo.push("", before, before);
    const UndoEntry entry = undo.pop();
    EXPECT_EQ(with_previews_of(*entry.document, before)->tensors[0], before.tensors[0]);

    Document other_ties = before;
    other_ties.ties = Ties::aten;
    for (const Document& current : {other_ties, previewing(before, some_mask(), true)}) {
        const TensorState& state = *with_previews_of(*entry.document, current)->tensors[0];
        EXPECT_TRUE(state.computing);
        EXPECT_FALSE(state.frozen);
        EXPECT_EQ(state.shown, current.tensors[0]->shown) << "the older one is shown meanwhile";
        EXPECT_EQ(state.kept, 0);
    }
}

}  // namespace
}  // namespace lacuna
