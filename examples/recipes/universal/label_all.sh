#!/usr/bin/env bash
# Label all kinds one after the other, what is most useful first; given again, it goes on where it was interrupted.
#
#     NEQUIX_WEIGHTS=... PYTHON=nqx/bin/python nohup nice -n 15 ./label_all.sh shards/ &
set -euo pipefail
shards=$(realpath -m "${1:?give the folder of the shards}")
cd "$(dirname "${BASH_SOURCE[0]}")"
export OMP_NUM_THREADS=1

label() { # kind, first number, how many
    "${PYTHON:-python}" label.py "$1" "$2" "$3" --calculator "${CALCULATOR:-nequix_teacher:calculator}" --output "$shards/$1"
}

label atoms 0 89
label elements 0 4005
label scans 0 3000
label vibrations 0 2500
label slabs 0 2000
label large 0 1500
label dimers 0 12015
label molecules 0 1500
label defects 0 1000
label slabs 2000 2000
label vibrations 2500 1000
label large 1500 1000
label molecules 1500 500
label crystals 50000 50000
