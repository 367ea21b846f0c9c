"""One at a time: two set-ups that run at once take turns."""

import contextlib
import fcntl

from support.say import say


@contextlib.contextmanager
def alone(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another set-up is at work; waiting for it ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
