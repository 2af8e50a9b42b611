"""Print the closing lines of `make test`: what each part ran, and every skip with its reason.

python tools/test_summary.py REPORTS_FOLDER     reads the JUnit files that the parts left there
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def main() -> None:
    reports = sorted(Path(sys.argv[1]).glob("*.xml"))
    if not reports:
        sys.exit(f"no test left a report in {sys.argv[1]}: nothing was tested")
    print()
    all_failed = 0
    for report in reports:
        cases = list(ElementTree.parse(report).iter("testcase"))
        skips = Counter(
            skip.get("message") or "no reason given" for case in cases for skip in case.iter("skipped")
        )
        failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
        all_failed += failed
        seconds = sum(float(case.get("time", 0)) for case in cases)
        passed = len(cases) - failed - skips.total()
        print(f"{report.stem}: {passed} passed, {failed} failed, {skips.total()} skipped, {seconds:.0f} s")
        for reason, count in sorted(skips.items()):
            print(f"  skipped {count}: {reason}")
    if all_failed:
        sys.exit(f"{all_failed} failed")
    print("all passed")


if __name__ == "__main__":
    main()
