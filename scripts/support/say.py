"""What the set-up says: plain lines, one growing bar on a terminal, and one way to give up."""

import sys


class Stop(Exception):
    """Ends the set-up; its text says what failed and what to do."""


def say(text):
    print(f"setup: {text}", flush=True)


class Bar:
    """Progress through `total` units: drawn in place on a terminal, silent in a pipe."""

    width = 30

    def __init__(self, what, total):
        self.what, self.total, self.done, self.shown = what, max(total, 1), 0, -1
        self.terminal = sys.stdout.isatty()

    def add(self, amount):
        self.done += amount
        percent = 100 * self.done // self.total
        if self.terminal and percent != self.shown:
            self.shown = percent
            filled = self.width * percent // 100
            print(f"\r  {self.what} [{'#' * filled}{'.' * (self.width - filled)}] {percent:3d} %", end="", flush=True)

    def end(self):
        if self.terminal and self.shown >= 0:
            print(flush=True)
