#pragma once

#include "engine/mask/mask.h"

namespace lacuna::ui {

/// Which part of a matrix a room of logical pixels shows, and how large. At its smallest everything is visible; a
/// matrix that would be a thread then (10 × 4096) is stretched across, and zooming in makes its cells square again.
class MaskCamera {
  public:
    /// The room to fill; `density` is physical pixels a logical one. Keeps the scale and the upper left weight, except
    /// that a fitted matrix stays fitted.
    void set_room(const MatrixShape& matrix, double width, double height, double density);

    void fit() { zoom_ = 1, place(0, 0); }
    /// One physical pixel a weight, around the middle of the room.
    void one_to_one();
    /// Changes the scale; the weight at (x, y) of the room stays there.
    void zoom_at(double factor, double x, double y);
    /// Moves the picture by (x, y) pixels.
    void pan(double x, double y) { place(left_ - x / scale_x(), top_ - y / scale_y()); }
    /// Puts this weight in the middle of the room.
    void centre_on(double column, double row);

    double scale_x() const;  ///< logical pixels a weight
    double scale_y() const;
    double left() const { return left_; }  ///< the column at the room's left edge; negative beside a narrow matrix
    double top() const { return top_; }
    double column_at(double x) const { return left_ + x / scale_x(); }
    double row_at(double y) const { return top_ + y / scale_y(); }
    double x_of(double column) const { return (column - left_) * scale_x(); }
    double y_of(double row) const { return (row - top_) * scale_y(); }
    bool fitted() const { return zoom_ <= 1; }
    bool closest() const { return zoom_ >= most_zoom(); }
    /// Whether one physical pixel a weight is within reach.
    bool can_be_one_to_one() const { return smaller_fit() * density_ < 1; }

  private:
    double smaller_fit() const;
    double most_zoom() const;
    void place(double left, double top);

    MatrixShape matrix_;
    double width_ = 1, height_ = 1, density_ = 1;
    double fit_x_ = 1, fit_y_ = 1;  ///< scales when everything is visible
    double zoom_ = 1;               ///< the smaller scale over its fitted value
    double left_ = 0, top_ = 0;
};

}  // namespace lacuna::ui
