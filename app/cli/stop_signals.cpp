#include "app/cli/stop_signals.h"

#include <atomic>
#include <csignal>

namespace lacuna::cli {
namespace {

std::atomic<int> caught = 0;  // the signal may come in another thread than the one that asks
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int signal) {
    caught = signal;
    cancel_token().cancel();
}

}  // namespace

CancelToken& cancel_token() {
    static CancelToken token;
    return token;
}

void watch_stop_signals() {
    cancel_token();
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = int(SA_RESETHAND | SA_RESTART);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // a write fails instead, and what was begun is cleared away
    struct sigaction before {};
    ::sigaction(SIGHUP, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
}

void ignore_stop_signals() {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_IGN);
}

int stop_signal() {
    return caught;
}

}  // namespace lacuna::cli
