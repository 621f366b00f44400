"""The documentation as a site: every page is built, and a link to nothing fails the build."""

import os
import re
import shutil
import subprocess
import sys

from checkout import ROOT


def build(folder, site):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", folder / "mkdocs.yml", "-d", site]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_every_page_is_built_and_links_lead_somewhere(tmp_path):
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.name for path in tmp_path.glob("*.html")}
    assert {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} < pages
    assert {"index.html", "config.html", "contributing.html"} < pages
    for page in tmp_path.glob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?:]+)["#?]', page.read_text(encoding="utf-8")):
            assert page.name == "404.html" or (tmp_path / target).exists(), f"{page.name}: {target}"


def test_links_to_nothing_fail_the_build_and_are_named(tmp_path):
    links = ["[x](nothing.md)", "[x](../config/nothing.yaml)", "[x](cluster.md#no-such-heading)"]
    for entry in ROOT.iterdir():
        if entry.name not in ("docs", "build"):
            (tmp_path / entry.name).symlink_to(entry)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    page = tmp_path / "docs/data.md"
    page.write_text("\n".join([page.read_text(), *links]))
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == len(links), done.stderr
    for name in ("nothing.md", "nothing.yaml", "#no-such-heading"):
        assert any(name in line for line in warnings), name
