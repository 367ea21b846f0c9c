#include "ui/canvas/mask_camera.h"

#include <algorithm>

namespace lacuna::ui {
namespace {

constexpr double largest_fitted_cell = 48;  ///< logical pixels
constexpr double largest_stretched_cell = 28;
constexpr double largest_cell = 112;
constexpr double stretched_part = 0.45;  ///< of the room, that the short side of a thread is stretched to

double stretched(double fit, double room, int64_t cells) {
    return std::max(fit, std::min(stretched_part * room / double(cells), largest_stretched_cell));
}

double held_inside(double first, double shown, double all) {
    return shown >= all ? (all - shown) / 2 : std::clamp(first, 0.0, all - shown);
}

}  // namespace

double MaskCamera::smaller_fit() const {
    return std::min(fit_x_, fit_y_);
}

double MaskCamera::most_zoom() const {
    return std::max(1.0, largest_cell / smaller_fit());
}

double MaskCamera::scale_x() const {
    return std::max(fit_x_, smaller_fit() * zoom_);
}

double MaskCamera::scale_y() const {
    return std::max(fit_y_, smaller_fit() * zoom_);
}

void MaskCamera::set_room(const MatrixShape& matrix, double width, double height, double density) {
    const bool was_fitted = fitted() || matrix.rows != matrix_.rows || matrix.columns != matrix_.columns;
    const double scale_before = smaller_fit() * zoom_;
    matrix_ = {std::max<int64_t>(1, matrix.rows), std::max<int64_t>(1, matrix.columns)};
    width_ = std::max(1.0, width);
    height_ = std::max(1.0, height);
    density_ = density;
    const double square =
        std::min({width_ / double(matrix_.columns), height_ / double(matrix_.rows), largest_fitted_cell});
    fit_x_ = stretched(square, width_, matrix_.columns);
    fit_y_ = stretched(square, height_, matrix_.rows);
    zoom_ = was_fitted ? 1 : std::clamp(scale_before / smaller_fit(), 1.0, most_zoom());
    place(left_, top_);
}

void MaskCamera::place(double left, double top) {
    left_ = held_inside(left, width_ / scale_x(), double(matrix_.columns));
    top_ = held_inside(top, height_ / scale_y(), double(matrix_.rows));
}

void MaskCamera::one_to_one() {
    zoom_at(1 / density_ / (smaller_fit() * zoom_), width_ / 2, height_ / 2);
}

void MaskCamera::zoom_at(double factor, double x, double y) {
    const double column = column_at(x), row = row_at(y);
    zoom_ = std::clamp(zoom_ * factor, 1.0, most_zoom());
    place(column - x / scale_x(), row - y / scale_y());
}

void MaskCamera::centre_on(double column, double row) {
    place(column - width_ / scale_x() / 2, row - height_ / scale_y() / 2);
}

}  // namespace lacuna::ui
