#!/bin/bash
# SPDX-License-Identifier: MIT
# Each harness takes every input of its corpus: the first ones, what fuzzing found interesting, and what once crashed.
set -eu -o pipefail

corpus=$(cd "$(dirname "$0")" && pwd)/corpus
for harness in cdb completion request recording sg_io top; do
	files=("$corpus/$harness"/*)
	timeout 120 tests/fuzz/fuzz_$harness "${files[@]}" >/dev/null || {
		echo "fuzz_$harness fails on its corpus"
		exit 1
	}
	echo "$harness: ${#files[@]} inputs"
done
