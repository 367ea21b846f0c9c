#pragma once

#include "ui/canvas/canvas.h"
#include "ui/canvas/schedule_view.h"

namespace lacuna::ui {

/// The schedule view as a widget.
class ScheduleCanvas : public Canvas {
    Q_OBJECT

  public:
    explicit ScheduleCanvas(QWidget* parent = nullptr);
    ~ScheduleCanvas() override;

    void set_plot(SchedulePlot plot);
    const SchedulePlot& plot() const { return plot_; }
    ScheduleView& view() { return view_; }

  protected:
    bool draw(const ViewStyle& style, float width, float height) override;

  private:
    SchedulePlot plot_;
    ScheduleView view_;
};

}  // namespace lacuna::ui
