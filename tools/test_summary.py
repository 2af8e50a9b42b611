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
    for report in reports:
        cases = list(ElementTree.parse(report).iter("testcase"))
        skips = Counter(
            skip.get("message") or "no reason given" for case in cases for skip in case.iter("skipped")
        )
        seconds = sum(float(case.get("time", 0)) for case in cases)
        print(f"{report.stem}: {len(cases) - skips.total()} passed, {skips.total()} skipped, {seconds:.0f} s")
        for reason, count in sorted(skips.items()):
            print(f"  skipped {count}: {reason}")
    print("all passed")


if __name__ == "__main__":
    main()
