"""``python -m hub`` installs and runs the hub; ``python -m hub remove`` removes it."""

import argparse
import sys
from pathlib import Path

from hub.install import HERE, install, remove
from hub.serve import serve
from hub.settings import HubError, HubSettings


def main() -> None:
    """Run the command line; what somebody can mend is one line and the exit status 1."""
    parser = argparse.ArgumentParser(prog="hub", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["run", "install", "remove"], default="run")
    parser.add_argument("--settings", type=Path, default=HERE / "settings.toml")
    options = parser.parse_args()
    try:
        settings = HubSettings.read(options.settings)
        if options.what == "remove":
            remove(settings)
            return
        passwords = install(settings)
        if options.what == "run":
            serve(settings, options.settings, passwords)
    except (HubError, OSError) as error:
        print(f"hub: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
