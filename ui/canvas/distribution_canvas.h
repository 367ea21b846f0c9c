#pragma once

#include "ui/canvas/canvas.h"
#include "ui/canvas/distribution_view.h"

namespace lacuna::ui {

/// The distribution view as a widget.
class DistributionCanvas : public Canvas {
    Q_OBJECT

  public:
    explicit DistributionCanvas(QWidget* parent = nullptr);
    ~DistributionCanvas() override;

    /// What to show; null for nothing.
    void setDetail(TensorDetailPtr detail);
    DistributionView& view() { return view_; }

  Q_SIGNALS:
    /// The threshold was moved to this sparsity level. `dragging`: more will follow; the last of a drag comes without.
    void levelDragged(double level, bool dragging);

  protected:
    bool draw(const ViewStyle& style, float width, float height) override;

  private:
    TensorDetailPtr detail_;
    DistributionView view_;
};

}  // namespace lacuna::ui
