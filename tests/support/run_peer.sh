#!/usr/bin/env bash
# Runs a script against PyTorch with $LACUNA_PEER_PYTHON, or python3; the script exits 77 where that has no torch 2.11.
PYTHONPATH="$(dirname "$0")${PYTHONPATH:+:$PYTHONPATH}" exec "${LACUNA_PEER_PYTHON:-python3}" "$@"
