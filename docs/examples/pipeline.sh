#!/usr/bin/env bash
# From pictures to answers, as a pipeline runs it: train, gate, export, gate the export, predict.
# The first step that fails ends it, with the exit code of mtcli: 3 where a gate was missed.
#
#   pipeline.sh [DIR]     works in DIR (default: pipeline), which it fills with the sample data
#
# From the environment:
#   EPOCHS    how long to train         default 50, some two minutes on two cores
#   ACCURACY  what cls must come to     default 0.9
#   MAP50     what det must come to     default 0.7
set -euo pipefail

dir=${1:-pipeline}
epochs=${EPOCHS:-50}
gates="cls.accuracy=${ACCURACY:-0.9},det.map50=${MAP50:-0.7}"

[ -e "$dir" ] || mtcli sample "$dir"
cd "$dir"
mtcli data check

# The name of the run is all that stdout holds.
run=$(mtcli train --tasks cls,det --set "train.epochs=$epochs" --quiet)

# On pictures that neither the training nor the choice of its best epoch has seen.
mtcli eval "$run" --split test --fail-under "$gates" --ci 95 --markdown run.md --json > run.json

# What is shipped must say what was trained: hardly any drop is allowed.
mtcli export "$run" --format onnx --out model.onnx
mtcli eval model.onnx --split test --baseline run.json --max-drop 0.001 --markdown export.md

mtcli predict model.onnx images --format jsonl --out predictions
