#!/usr/bin/env bash
# Label, gather, prepare and train; given again, it goes on where it was interrupted. Nothing in it needs a GPU, and everything takes one.
#
#     NEQUIX_WEIGHTS=... PYTHON=nqx/bin/python ./on_gpu.sh mptrj-random-1k.extxyz.gz
set -euo pipefail
real=$(realpath "${1:?give mptrj-random-1k.extxyz.gz}")
cd "$(dirname "${BASH_SOURCE[0]}")"

./label_all.sh shards/
python pack.py shards/ --output labels/
python prepare.py --real "$real" --output universal-data/
equical train train.yaml --output universal-run --resume
