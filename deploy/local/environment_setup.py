"""Makes the virtual environment: run by the system's python3, so standard library only.

`python3 environment_setup.py FOLDER REQUIREMENTS`; prints one clear line when it cannot.
"""

import subprocess
import sys
import time
import venv
from pathlib import Path

OLDEST = (3, 11)


def main(folder: Path, requirements: Path) -> str | None:
    """Create or update the environment; return why not, in one line."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        return f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {found} (set PYTHON=…)"
    begun_at = time.monotonic()
    print(f"Installing {requirements.name} into {folder} …", flush=True)  # noqa: T201  # a command's output
    try:
        if not (folder / "bin" / "python").exists():
            venv.create(folder, with_pip=True)
    except (subprocess.CalledProcessError, OSError) as error:
        return f"cannot create {folder} ({error}); on Debian: apt-get install python3-venv"
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--require-hashes"]
    done = subprocess.run(  # noqa: S603  # our own arguments
        [*command, "-r", str(requirements)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"{done.stdout}{done.stderr}\nthe dependencies could not be installed: see above"
    print(f"Installed in {time.monotonic() - begun_at:.0f} s", flush=True)  # noqa: T201  # a command's output
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
