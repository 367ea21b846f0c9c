#pragma once

#include "engine/base/progress.h"

namespace lacuna::cli {

// SIGINT, SIGTERM and SIGHUP, which ask a program to stop.

/// Asked by the running command whether it must stop.
CancelToken& cancel_token();
/// From here on the first one cancels `cancel_token`; a second one ends the program at once. A SIGHUP that is ignored
/// already (nohup) stays so. A closed pipe ends nothing: writing to it fails.
void watch_stop_signals();
/// From here on they are ignored, all of them: files are changing places.
void ignore_stop_signals();
/// The one that came; 0 if none did.
int stop_signal();

}  // namespace lacuna::cli
