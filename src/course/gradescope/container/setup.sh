#!/usr/bin/env bash
# Runs once, as root, when Gradescope builds the image: Python, its packages, bubblewrap.
set -euo pipefail
source_folder="${AUTOGRADER:-/autograder}/source"
cd "$source_folder"
export DEBIAN_FRONTEND=noninteractive

install() { apt-get install -y -qq --no-install-recommends "$@"; }

suitable_python() {
  for name in python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then command -v "$name"; return; fi
  done
  return 1
}

if command -v apt-get >/dev/null; then
  apt-get update -qq || true
  install bubblewrap || echo "no bubblewrap: students' code will run as another user"
  if ! suitable_python >/dev/null; then
    install python3-venv || true
    suitable_python >/dev/null || install python3.12 python3.12-venv \
      || install python3.11 python3.11-venv || true
  fi
fi

if python=$(suitable_python); then
  "$python" -m venv open/venv
else  # no package of the system's is new enough
  python3 -m pip install --quiet uv
  UV_PYTHON_INSTALL_DIR=/opt/python python3 -m uv venv --quiet --seed --python 3.12 open/venv
fi
open/venv/bin/python -m pip install --quiet --no-deps -r requirements.txt
echo "$source_folder/open/venv/bin/python" > python

# The list of fonts takes seconds to make, the compiled files too: here, and not for everybody.
export PYTHONPATH="$source_folder/open:$source_folder/closed" MPLCONFIGDIR="$source_folder/fonts"
open/venv/bin/python -c "import matplotlib.pyplot, course.gradescope.grade"
open/venv/bin/python -m compileall -q open/seqlab open/minikernel closed || true

chown -R root:root "$source_folder"
chmod -R go-w "$source_folder"
chmod -R go-rwx closed
