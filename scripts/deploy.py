"""Deploys the suite; the same as ``mip deploy``, for those who look for a script."""

from __future__ import annotations

import sys

from mip_cli.cli import main

if __name__ == "__main__":
    sys.exit(main(["deploy", *sys.argv[1:]]))
