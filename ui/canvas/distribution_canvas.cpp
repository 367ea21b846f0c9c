#include "ui/canvas/distribution_canvas.h"

namespace lacuna::ui {

DistributionCanvas::DistributionCanvas(QWidget* parent) : Canvas(parent) {
    setAccessibleName(tr("Distribution"));
    setAccessibleDescription(tr(
        "A histogram of the selected tensor's weights, kept and pruned. Left and right move the sparsity level, with "
        "Shift by a tenth of a percent, Page up and down by ten; L changes the scale of the counts."));
}

DistributionCanvas::~DistributionCanvas() {
    close();
}

void DistributionCanvas::setDetail(TensorDetailPtr detail) {
    if (detail == detail_) return;
    detail_ = std::move(detail);
    request();
}

bool DistributionCanvas::draw(const ViewStyle& style, float width, float height) {
    const DistributionViewAction action = view_.draw(detail_, style, width, height);
    if (action.level) {
        // Queued: whoever listens may do anything, also what must not happen within a frame.
        QMetaObject::invokeMethod(
            this, [this, action] { Q_EMIT levelDragged(*action.level, action.dragging); }, Qt::QueuedConnection);
    }
    return false;
}

}  // namespace lacuna::ui
