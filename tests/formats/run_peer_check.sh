#!/usr/bin/env bash
# Runs peer_check.py with a Python that has torch 2.11 and safetensors; exit status 77 where there is none.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${LACUNA_PEER_PYTHON:-python3}
if ! "$python" -c 'import torch, safetensors, sys; sys.exit(not torch.__version__.startswith("2.11"))' 2>/dev/null; then
    echo "skipped: $python has no torch 2.11 with safetensors; set LACUNA_PEER_PYTHON to one that has"
    exit 77
fi
exec "$python" "$here/peer_check.py" "$@"
