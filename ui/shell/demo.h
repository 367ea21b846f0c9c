#pragma once

#include <QString>

namespace lacuna::ui {

/// The demo network and its held-out images, beside the sources or installed; empty where they are not there.
QString demo_model();
QString demo_data();

}  // namespace lacuna::ui
