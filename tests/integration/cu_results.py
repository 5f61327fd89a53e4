# SPDX-License-Identifier: MIT
"""cu_results.py - what iscsi-test-cu -V says on stdin: a line "Suite.Test pass|fail|skip" for each test, in its order"""
import re
import sys

suite = test = result = None


def finish():
    if test:
        print(f"{suite}.{test} {result or 'crash'}")


skipped = False
for line in sys.stdin:
    if m := re.match(r"Suite: (\S+)", line):
        finish()
        suite, test = m[1], None
    elif m := re.match(r"\s+Test: (\S+) \.\.\.(.*)", line):
        finish()
        test, result, skipped = m[1], None, False
        line = m[2]
    if "[SKIPPED]" in line:
        skipped = True
    if re.search(r"(^|\s|\.\.\.)passed$", line.rstrip()):
        result = "skip" if skipped else "pass"
    elif re.search(r"(^|\s|\.\.\.)FAILED$", line.rstrip()):
        result = "fail"
finish()
