#include "ui/canvas/mask_canvas.h"

namespace lacuna::ui {

MaskCanvas::MaskCanvas(QWidget* parent) : Canvas(parent) {
    setAccessibleName(tr("Mask"));
    setAccessibleDescription(
        tr("The selected tensor's weights as a picture, pruned ones as gaps. Plus and minus zoom, 0 shows everything, "
           "1 a pixel a weight, arrow keys move, M changes what is painted."));
}

MaskCanvas::~MaskCanvas() {
    close();
}

void MaskCanvas::setDetail(TensorDetailPtr detail, BlockShape block) {
    if (detail == detail_ && block == block_) return;
    detail_ = std::move(detail);
    block_ = block;
    request();
}

bool MaskCanvas::draw(const ViewStyle& style, float width, float height) {
    const MaskViewAction action = view_.draw(detail_, block_, style, width, height);
    const std::string text = action.hover ? action.hover->text : std::string();
    if (text != hover_text_) {
        hover_text_ = text;
        // Queued: whoever listens may do anything, also what must not happen within a frame.
        QMetaObject::invokeMethod(
            this, [this, text] { Q_EMIT hovered(QString::fromStdString(text)); }, Qt::QueuedConnection);
    }
    return action.incomplete;
}

}  // namespace lacuna::ui
