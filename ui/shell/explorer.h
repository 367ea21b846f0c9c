#pragma once

namespace lacuna::ui {

/// All of `lacuna`: reads the command line, opens the window or renders it, and returns the exit status.
int run_explorer(int argc, char** argv);

}  // namespace lacuna::ui
