"""Build the wheel and the source distribution, install the wheel as a user would, and use it: `make package`.

    python tests/package/check.py                     every Python from 3.11 on that is found here
    python tests/package/check.py --only 3.13         one of them
    python tests/package/check.py --with measure      with an extra, and SmolLM2 measured briefly
    python tests/package/check.py --runners           by uvx and pipx, too
    python tests/package/check.py --dist dist         keep the two files in this folder

Each environment is new and has nothing but the wheel and what pip brings with it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "tests" / "plugins" / "ropescope-strided"
SOURCE = "src/ropescope/"
NEEDED = (
    "ropescope/py.typed",
    "ropescope/__init__.pyi",
    "ropescope/report/page.html.j2",
    "ropescope/app/web/page/index.html",
)
NEVER = ("__pycache__", ".pyc", ".mypy_cache", ".egg-info", ".venv")
CONFIG = {
    "model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64,
    "intermediate_size": 128, "vocab_size": 100, "max_position_embeddings": 2048, "rope_theta": 10000.0,
}  # fmt: skip
SCRIPT = """
import ropescope as rs

report: rs.Report = rs.fit({model!r}, gpu="4090")
holds: bool | None = report.holds
{wrong}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="VERSION", action="append", help="3.11, 3.12, …; may repeat")
    parser.add_argument("--with", dest="extra", metavar="EXTRA", default="")
    parser.add_argument("--runners", action="store_true")
    parser.add_argument("--dist", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ropescope-package-") as folder:
        work = Path(folder)
        builder = environment(
            sys.executable, work / "builder", "build", "hatchling", "twine", "check-wheel-contents", "mypy"
        )
        wheel = built(builder, given.dist or work / "dist")
        pythons = {name: path for name, path in found_pythons().items() if not given.only or name in given.only}
        if missing := {*(given.only or ())} - {*pythons}:
            raise SystemExit(f"There is no Python {', '.join(sorted(missing))} here.")
        target = f"{wheel}[{given.extra}]" if given.extra else str(wheel)

        def tried(name: str) -> str:
            began = time.monotonic()
            python = environment(pythons[name], work / name, target)
            used(python, work / f"used-{name}", given.extra)
            if name == min(pythons):
                typed(builder, python, work / f"used-{name}")
                plugged(python)
            return f"Python {name}: installed and used in {time.monotonic() - began:.0f} s"

        with ThreadPoolExecutor(2) as threads:
            for told in threads.map(tried, pythons):
                print(told, flush=True)
        if given.runners:
            run_once(environment(sys.executable, work / "runners", "uv", "pipx"), wheel, work)
    print(f"The package works with Python {', '.join(pythons)}.")


def built(builder: Path, dist: Path) -> Path:
    """The wheel, once both files hold what they must."""
    dist.mkdir(parents=True, exist_ok=True)
    for old in dist.glob("ropescope-*"):
        old.unlink()
    run(builder, "-m", "build", "--no-isolation", "--outdir", str(dist), str(ROOT))
    (wheel,), (source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    run(builder, "-m", "twine", "check", "--strict", str(wheel), str(source))
    run(builder, "-m", "check_wheel_contents", str(wheel))
    with zipfile.ZipFile(wheel) as file:
        packed = set(file.namelist())
    with tarfile.open(source) as file:
        sent = {name.partition("/")[2] for name in file.getnames()}
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split("\0")
    wanted = {f"ropescope/{name.removeprefix(SOURCE)}" for name in tracked if name.startswith(SOURCE)} | {*NEEDED}
    require(wanted <= packed, f"the wheel lacks {sorted(wanted - packed)[:5]}")
    require({name for name in tracked if name.startswith(("src/", "tests/", "docs/"))} <= sent, "the sdist lacks files")
    for name in (*packed, *sent):
        require(not any(part in name for part in NEVER), f"{name} is no file of the project")
    require(sum(name.endswith(("licenses/LICENSE", "licenses/NOTICE")) for name in packed) == 2, "a licence is missing")
    print(f"{wheel.name} {wheel.stat().st_size / 1e6:.1f} MB, {source.name} {source.stat().st_size / 1e6:.1f} MB")
    return wheel


def used(python: Path, work: Path, extra: str) -> None:
    """What a user types first, from an empty folder."""
    model = work / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text(json.dumps(CONFIG))
    version = re.search(r'__version__ = "(.+)"', (ROOT / SOURCE / "__init__.py").read_text())
    require(said(python, work, "--version") == f"ropescope {version and version[1]}\n", "--version")
    require("Serve a model:" in said(python, work, "--help"), "--help")
    require(
        "2 layers" in said(python, work, "show", str(model)) or "2 full" in said(python, work, "show", str(model)),
        "show",
    )
    fit = json.loads(said(python, work, "fit", str(model), "--gpu", "4090", "--context", "1k", "--json"))
    require(fit["answer"]["holds"] is True, "fit")
    require("--build" in said(python, work, "web", "--help"), "web --help")
    told = json.loads(
        said(python, work, "doctor", "--check", "--json", *(["--extras", extra] if extra else ["--quick"]))
    )
    require(told["faults"] == [] and told["version"] == (version and version[1]), f"doctor: {told['faults']}")
    # A warning of the compiler is an error: of escapes, of names that later versions drop.
    run(python, "-W", "error", "-m", "compileall", "-q", "-f", "-o", "0", str(site_of(python) / "ropescope"))
    if "measure" in extra:
        line = ("measure", "smollm2", "--length", "256", "--prompts", "2", "--corpus", "random", "--json")
        require("gamma" in said(python, work, *line), "measure")


def typed(builder: Path, python: Path, work: Path) -> None:
    """A user's script has the types of what is installed: what is right passes strictly, and what is wrong is found."""
    for wrong in (("",), ("rs.fit(1j)", "rs.fit('x', gpv='4090')", "n: int = report.verdict")):
        script = work / "script.py"
        script.write_text(SCRIPT.format(model=str(work / "model"), wrong="\n".join(wrong)))
        line = [
            str(builder),
            "-m",
            "mypy",
            "--strict",
            "--python-executable",
            str(python),
            "--no-incremental",
            str(script),
        ]
        done = subprocess.run(line, capture_output=True, text=True, cwd=work, env=clean())
        found = {int(number) for number in re.findall(r"^script\.py:(\d+): error", done.stdout, re.M)}
        lines = script.read_text().splitlines()
        require(found == {lines.index(one) + 1 for one in wrong if one}, f"mypy: {done.stdout}{done.stderr}")


def plugged(python: Path) -> None:
    """A third-party package, installed by pip, adds its question and its method."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "plugin"
        shutil.copytree(PLUGIN, copy)
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", str(copy))
        require("every n-th token" in " ".join(said(python, Path(folder), "--help").split()), "the plugin's question")
        told = json.loads(said(python, Path(folder), "doctor", "--quick", "--json"))
        adds = {one["adds"]: one["fault"] for one in told["plugins"]}
        require(adds == {"the question strided": "", "the method strided": ""}, f"doctor on plugins: {adds}")
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "ropescope-strided")


def run_once(python: Path, wheel: Path, work: Path) -> None:
    """Without installing: uvx and pipx."""
    own = {**clean(), "PIPX_HOME": str(work / "pipx"), "UV_CACHE_DIR": str(work / "uv"), "UV_PYTHON": sys.executable}
    for line in (["uvx", "--from", str(wheel)], ["pipx", "run", "--spec", str(wheel)]):
        program = [str(python.with_name(line[0])), *line[1:], "ropescope", "--version"]
        done = subprocess.run(program, capture_output=True, text=True, env=own, cwd=work)
        require(done.stdout.startswith("ropescope "), f"{line[0]}: {done.stderr}")
        print(f"{line[0]} runs it")


def found_pythons() -> Mapping[str, str]:
    """Every CPython from 3.11 on, by its version: on the PATH, and those of pyenv."""
    folders = [
        *map(Path, os.get_exec_path()),
        *sorted(Path.home().glob(".pyenv/versions/*/bin")),
        Path(sys.executable).parent,
    ]
    found: dict[str, str] = {}
    for name in (f"3.{minor}" for minor in range(11, 20)):
        for path in (folder / f"python{name}" for folder in folders):
            if name not in found and path.is_file() and _is(path, name):
                found[name] = str(path)
    return found


def _is(path: Path, name: str) -> bool:
    """Whether it runs and can make environments; a shim of pyenv may lead nowhere."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([str(path), "-c", code], capture_output=True, text=True)
    return done.stdout.strip() == name


def environment(python: str, folder: Path, *packages: str) -> Path:
    """A new environment with these packages; its Python."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True, env=clean())
    made = next(iter(_bin(folder)))
    run(made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return made


def _bin(folder: Path) -> Iterator[Path]:
    for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe"):
        if path.exists():
            yield path


def site_of(python: Path) -> Path:
    """Where its packages are."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip())


def said(python: Path, folder: Path, *words: str) -> str:
    """What the installed command prints. Raises SystemExit with its error."""
    done = subprocess.run(
        [str(python.with_name("ropescope")), *words], capture_output=True, text=True, env=clean(), cwd=folder
    )
    require(done.returncode == 0, f"ropescope {' '.join(words)}: {done.stderr}")
    return done.stdout


def run(python: Path, *words: str) -> None:
    """Run a module. Raises SystemExit with what it said."""
    done = subprocess.run([str(python), *words], capture_output=True, text=True, env=clean())
    require(done.returncode == 0, f"{' '.join(words)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")


def clean() -> dict[str, str]:
    """The environment without what would let this checkout in."""
    return {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }


def require(holds: object, what: str) -> None:
    """Raises SystemExit with `what` where it does not hold."""
    if not holds:
        raise SystemExit(f"The package does not work: {what}")


if __name__ == "__main__":
    main()
