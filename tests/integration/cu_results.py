# SPDX-License-Identifier: MIT
"""cu_results.py - what iscsi-test-cu -V says on stdin: a line "Suite.Test pass|fail|missing|skip [why]" for each test, in its order

missing: the tool says that the LU lacks the command. skip: a test that cannot run here, with the tool's own reason.
"""
import re
import sys

suite = test = result = why = None


def finish():
    if not test:
        return
    outcome, reason = result or "crash", ""
    if why and outcome == "pass":
        outcome = "missing" if re.search(r"not implemented|not supported$|lacks", why, re.I) else "skip"
        reason = " " + why.rstrip(".")
    print(f"{suite}.{test} {outcome}{reason}")


for line in sys.stdin:
    if m := re.match(r"Suite: (\S+)", line):
        finish()
        suite, test = m[1], None
    elif m := re.match(r"\s+Test: (\S+) \.\.\.(.*)", line):
        finish()
        test, result, why = m[1], None, None
        line = m[2]
    if (m := re.search(r"\[SKIPPED\]\s*(.*)", line)) and not why:
        why = m[1].strip() or "no reason given"
    if re.search(r"(^|\s|\.\.\.)passed$", line.rstrip()):
        result = "pass"
    elif re.search(r"(^|\s|\.\.\.)FAILED$", line.rstrip()):
        result = "fail"
finish()
