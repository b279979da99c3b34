"""Judges the reports of benches/autobahn.sh, and writes docs/autobahn.md: autobahn.py MODE REPORT..."""

import collections
import json
import pathlib
import sys

SECTIONS = {
    "1": "framing: text and binary of every length",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "reserved opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "close handshake",
    "9": "limits and performance: up to 16 MiB, in up to 65,537 fragments",
    "10": "automatic fragmentation",
    "12": "compression: messages of every size, fragmented or not",
    "13": "compression: what can be negotiated",
}
HEAD = """# Autobahn|Testsuite

The cases of [Autobahn|Testsuite](https://github.com/crossbario/autobahn-testsuite) 25.10.1 (`wstest -m fuzzingclient`) against
`examples/testbed`, which offers permessage-deflate with one shared compressor. This file is written by

    benches/autobahn.sh --write

which fails if a case is FAILED or UNCLEAN, if one of 6.4 (UTF-8, fail fast) is NON-STRICT, or if one of 12 and 13 is not OK. There
are no sections 8 and 11. INFORMATIONAL cases have no right or wrong. It needs Python 2.7; where that is missing the script and CI
say so.

| section | what | cases | OK | NON-STRICT | INFORMATIONAL | UNIMPLEMENTED | other |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
KNOWN = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"]


def main(mode, *reports):
    cases = {}
    for report in reports:
        index = json.loads((pathlib.Path(report) / "index.json").read_text())
        cases.update(index["jackfield"])
    faults = [fault for name, case in cases.items() for fault in faults_of(name, case)]
    sections = collections.defaultdict(collections.Counter)
    for name, case in cases.items():
        sections[name.split(".")[0]][case["behavior"]] += 1
    rows = "".join(row(section, sections[section]) for section in SECTIONS if section in sections)
    print(rows, end="")
    print("\n".join(faults))
    if mode == "--write" and not faults:
        total = f"\n{len(cases)} cases, {sum(counts['OK'] for counts in sections.values())} of them OK.\n"
        pathlib.Path("docs/autobahn.md").write_text(HEAD + rows + total)
    print(f"{len(cases) - len(faults)} passed, {len(faults)} failed")
    return len(faults) > 0 or len(cases) == 0


def faults_of(name, case):
    """What is wrong with a case, one sentence each."""
    behavior, close = case["behavior"], case["behaviorClose"]
    section = name.split(".")[0]
    is_bad = (
        behavior in ("FAILED", "UNCLEAN", "WRONG CODE")
        or close in ("FAILED", "UNCLEAN", "WRONG CODE")
        or (name.startswith("6.4.") and behavior != "OK")
        or (section in ("12", "13") and behavior != "OK")
    )
    return [f"case {name}: {behavior}, closing: {close}"] if is_bad else []


def row(section, counts):
    other = sum(count for behavior, count in counts.items() if behavior not in KNOWN)
    known = " | ".join(str(counts[behavior]) for behavior in KNOWN)
    return f"| {section} | {SECTIONS[section]} | {sum(counts.values())} | {known} | {other} |\n"


sys.exit(main(*sys.argv[1:]))
