#pragma once

namespace lacuna::cli {

/// The whole of `lacuna-cli`: parses the arguments, runs one command, and returns the exit status: 0, 1 for a failure
/// (one line "error: …" on standard error), 2 for wrong usage, 130 after Ctrl-C.
int run(int argc, char** argv);

}  // namespace lacuna::cli
