#pragma once

#include "ui/canvas/canvas.h"
#include "ui/canvas/mask_view.h"

namespace lacuna::ui {

/// The mask view as a widget.
class MaskCanvas : public Canvas {
    Q_OBJECT

  public:
    explicit MaskCanvas(QWidget* parent = nullptr);
    ~MaskCanvas() override;

    /// What to show; null for nothing. `block` is the block shape of the tensor's sparsifier.
    void setDetail(TensorDetailPtr detail, BlockShape block = {});
    MaskView& view() { return view_; }

  Q_SIGNALS:
    /// What is under the pointer, in words; empty when nothing is. Emitted when it changes, after the frame.
    void hovered(QString text);

  protected:
    bool draw(const ViewStyle& style, float width, float height) override;

  private:
    TensorDetailPtr detail_;
    BlockShape block_;
    MaskView view_;
    std::string hover_text_;
};

}  // namespace lacuna::ui
