"""How many pictures of a table of `python -m src.predict` lie in the folder of their sign: `score.py <file.csv>`.

For folders named by the sign and files named by the signer, as in `asl_dataset` (hand1_a_bot_seg_1_cropped.jpeg).
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

right: dict[str, list[bool]] = defaultdict(list)
with open(sys.argv[1], newline="") as file:
    for row in csv.DictReader(file):
        picture = Path(row["file"])
        right[picture.name.partition("_")[0]].append(row["sign"] == picture.parent.name.upper())
for signer, answers in sorted(right.items()):
    print(f"{signer}: {sum(answers) / len(answers):.1%} of {len(answers)}")
together = [answer for answers in right.values() for answer in answers]
print(f"all: {sum(together) / len(together):.1%} of {len(together)}")
