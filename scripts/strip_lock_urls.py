"""Drop download addresses from package-lock.json: integrity pins the bytes on any mirror."""

import json
import sys
from pathlib import Path

lock = Path(sys.argv[1])
document = json.loads(lock.read_text())
for package in document["packages"].values():
    package.pop("resolved", None)
lock.write_text(json.dumps(document, indent=2) + "\n")
