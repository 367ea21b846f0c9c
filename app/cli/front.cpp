#include "app/cli/front.h"

#include <csignal>
#include <new>

#include "app/cli/commands.h"
#include "app/cli/stop_signals.h"
#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna::cli {
namespace {

constexpr int failed = 1, wrong_usage = 2, interrupted = 128;

struct RunCommand {
    const Console& console;

    void operator()(const PrintArguments& print) const { console.print(print.text); }
    void operator()(const InspectArguments& arguments) const { run_inspect(arguments, console, cancel_token()); }
    void operator()(const PruneArguments& arguments) const { run_prune(arguments, console, cancel_token()); }
    void operator()(const CalibrateArguments& arguments) const { run_calibrate(arguments, console, cancel_token()); }
    void operator()(const EvalArguments& arguments) const { run_eval(arguments, console, cancel_token()); }
    void operator()(const ConvertArguments& arguments) const { run_convert(arguments, console, cancel_token()); }
    void operator()(const ListArguments& arguments) const { run_list(arguments, console); }
};

}  // namespace

int run(int argc, char** argv) {
    const Console console;
    try {
        const Arguments arguments = parse_arguments(argc, argv);
        set_threads(arguments.threads);
        watch_stop_signals();
        std::visit(RunCommand{console}, arguments.command);
        return 0;
    } catch (const UsageError& error) {
        console.print_error(error.what());
        return wrong_usage;
    } catch (const OutputClosed&) {
        return interrupted + SIGPIPE;
    } catch (const Cancelled&) {
        console.print_error("stopped; every file is as it was");
        return interrupted + stop_signal();
    } catch (const std::bad_alloc&) {
        console.print_error("not enough memory; give the machine more, or prune fewer tensors at once");
    } catch (const std::exception& error) {
        console.print_error(error.what());
    }
    return failed;
}

}  // namespace lacuna::cli
