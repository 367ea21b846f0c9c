#!/usr/bin/env bash
# Runs peer_state.py with $LACUNA_PEER_PYTHON, or python3; exit status 77 where that has no torch 2.11.
exec "${LACUNA_PEER_PYTHON:-python3}" "$(dirname "$0")/peer_state.py" "$@"
