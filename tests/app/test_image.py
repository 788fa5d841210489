"""What the Dockerfile and docs/run.md promise of what is kept, read from both."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings

ROOT = Path(__file__).parents[2]


def test_what_is_kept_is_in_a_volume() -> None:
    """The image's working directory is a volume, and the data directory is below it; the command
    that the page shows gives the volume a name."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (volume,) = [line.split()[1] for line in lines if line.startswith("VOLUME")]
    assert [line.split()[1] for line in lines if line.startswith("WORKDIR")][-1] == volume
    assert not Settings.model_fields["data_dir"].default.is_absolute()
    page = (ROOT / "docs" / "run.md").read_text(encoding="utf-8").splitlines()
    (run,) = [line for line in page if "docker run" in line]
    assert f":{volume} " in run
