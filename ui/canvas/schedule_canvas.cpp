#include "ui/canvas/schedule_canvas.h"

namespace lacuna::ui {

ScheduleCanvas::ScheduleCanvas(QWidget* parent) : Canvas(parent) {
    setAccessibleName(tr("Schedule"));
    setAccessibleDescription(
        tr("The sparsity level of every step, one curve for each group of layers, with a mark at the step reached."));
}

ScheduleCanvas::~ScheduleCanvas() {
    close();
}

void ScheduleCanvas::set_plot(SchedulePlot plot) {
    plot_ = std::move(plot);
    request();
}

bool ScheduleCanvas::draw(const ViewStyle& style, float width, float height) {
    view_.draw(plot_, style, width, height);
    return false;
}

}  // namespace lacuna::ui
