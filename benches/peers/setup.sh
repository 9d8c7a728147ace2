#!/bin/sh
# A virtual environment with the peers' frameworks: several GB.
#
# usage: sh benches/peers/setup.sh [FOLDER]
#        PYTHON=python3.12 sh benches/peers/setup.sh    another interpreter, 3.11 or later
#
# FOLDER is target/peers/venv unless given; then `PEERS_VENV=FOLDER` tells the benches.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../target/peers/venv}
mkdir -p "$(dirname "$folder")"
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --requirement "$here/requirements.txt"
"$folder/bin/python" -c 'import jax, numpy, torch; print(
    f"jax {jax.__version__}, numpy {numpy.__version__}, torch {torch.__version__}")'
command -v c++ >/dev/null || echo "note: torch.compile needs a C++ compiler, found no c++" >&2
