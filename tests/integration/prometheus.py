# SPDX-License-Identifier: MIT
"""prometheus.py - a strict reader of Prometheus' text format 0.0.4, for test-metrics.sh

It refuses what a server of Prometheus would, and what promtool would complain of: names and labels out of their grammar, wrong escapes,
samples without HELP and TYPE before them or apart from their family, one sample twice, counters that do not end in _total, histograms
whose buckets fall, have no +Inf, or disagree with their count.
"""

import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
VALUE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|Inf|NaN)$")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Bad(Exception):
    pass


def unescape(text):
    return re.sub(r"\\.", lambda m: ESCAPES[m.group()], text)


def sample(line):
    """(name, labels as a sorted tuple, value)"""
    name = NAME.match(line)
    if not name:
        raise Bad(f"no name: {line!r}")
    at = name.end()
    labels = {}
    if line[at : at + 1] == "{":
        at += 1
        while line[at : at + 1] != "}":
            label = LABEL.match(line, at)
            if not label:
                raise Bad(f"no label: {line!r}")
            if label.group(1) in labels or label.group(1).startswith("__"):
                raise Bad(f"label {label.group(1)}: {line!r}")
            labels[label.group(1)] = unescape(label.group(2))
            at = label.end()
            if line[at : at + 1] == ",":
                at += 1
            elif line[at : at + 1] != "}":
                raise Bad(f"after a label: {line!r}")
        at += 1
    if line[at : at + 1] != " " or not VALUE.match(line[at + 1 :]):
        raise Bad(f"no value: {line!r}")
    return name.group(), tuple(sorted(labels.items())), float(line[at + 1 :])


def belongs(name, family, kind):
    if kind == "histogram":
        return name in (family + "_bucket", family + "_sum", family + "_count")
    return name == family


def check_histogram(family, samples):
    rows = {}
    for (name, labels), value in samples.items():
        if not name.startswith(family + "_"):
            continue
        rest = dict(labels)
        le = rest.pop("le", None)
        row = rows.setdefault(tuple(sorted(rest.items())), {"buckets": []})
        part = name[len(family) + 1 :]
        if part == "bucket":
            if le is None:
                raise Bad(f"{family}: a bucket without le")
            row["buckets"].append((float(le), value))
        elif part in ("sum", "count"):
            row[part] = value
    for labels, row in rows.items():
        where = f"{family}{labels}"
        limits = [le for le, _ in row["buckets"]]
        counts = [n for _, n in row["buckets"]]
        if limits != sorted(set(limits)) or not limits or not math.isinf(limits[-1]):
            raise Bad(f"{where}: limits {limits}")
        if counts != sorted(counts):
            raise Bad(f"{where}: buckets fall: {counts}")
        if "sum" not in row or row.get("count") != counts[-1]:
            raise Bad(f"{where}: sum or count")
        if row["count"] == 0 and row["sum"] != 0:
            raise Bad(f"{where}: a sum of nothing")


def parse(text):
    """{(name, labels): value} and {family: type}; raises Bad."""
    samples, types = {}, {}
    family, helped = None, None
    if not text.endswith("\n"):
        raise Bad("the last line has no end")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            if helped in types or len(line.split(" ", 3)) < 4 or not NAME.fullmatch(helped):
                raise Bad(f"help: {line!r}")
        elif line.startswith("# TYPE "):
            words = line.split(" ")
            if len(words) != 4 or words[2] != helped or words[3] not in ("counter", "gauge", "histogram"):
                raise Bad(f"type: {line!r}")
            family = words[2]
            types[family] = words[3]
            if (words[3] == "counter") != family.endswith("_total"):
                raise Bad(f"a counter, and nothing else, ends in _total: {line!r}")
        elif line.startswith("#") or not line.strip():
            raise Bad(f"nobody needs this line: {line!r}")
        else:
            name, labels, value = sample(line)
            if family is None or not belongs(name, family, types[family]):
                raise Bad(f"apart from its family: {line!r}")
            if (name, labels) in samples:
                raise Bad(f"twice: {line!r}")
            if types[family] != "gauge" and not (value >= 0 and math.isfinite(value)):
                raise Bad(f"no count: {line!r}")
            samples[name, labels] = value
    for family, kind in types.items():
        if not any(belongs(name, family, kind) for name, _ in samples):
            raise Bad(f"{family}: no samples")
        if kind == "histogram":
            check_histogram(family, samples)
    return samples, types
