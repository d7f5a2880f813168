"""`python -m railwatch.training.held_out STYLE SEED FOLDER`: writes one pair as files."""

import argparse
from pathlib import Path

from railwatch.training.held_out import STYLES, make, write


def main() -> None:
    """Writes the pair that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("style", choices=list(STYLES))
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=512, help="pixels of a picture's side (default: 512)")
    arguments = parser.parse_args()
    write(make(arguments.style, arguments.seed, arguments.size), arguments.folder)


if __name__ == "__main__":
    main()
