"""What scripts that hold Lacuna against PyTorch begin with."""

import importlib
import sys


def need(*modules: str) -> None:
    """Ends the script with status 77 (skipped) where PyTorch 2.11 or one of these modules is not installed."""
    try:
        torch = importlib.import_module("torch")
        for module in modules:
            importlib.import_module(module)
    except ImportError as error:
        print(f"skipped: {error}; set LACUNA_PEER_PYTHON to a Python with torch 2.11 and what else is missing")
        sys.exit(77)
    if not torch.__version__.startswith("2.11"):
        print(f"skipped: PyTorch is {torch.__version__}, not 2.11")
        sys.exit(77)
