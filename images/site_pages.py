"""Hooks of the documentation's site: pages and files outside docs/ become part of it, and links to them are turned.

The pages of docs/ stay as they are read in the repository, where links go to README.md, to configs and to folders.
"""

import os
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# file of the repository -> page of the site
PAGES = {
    "README.md": "index.md",
    "config/README.md": "config.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(!?\[[^\]]*\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config) -> Files:
    """Add the pages, and every file that some page links to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    pages = {file.src_uri: _source(file.src_uri) for file in files if file.src_uri.endswith(".md")}
    for source in pages.values():
        for _, target, _, _ in LINK.findall((ROOT / source).read_text(encoding="utf-8")):
            inside = _inside(source, target)
            if (
                inside
                and (ROOT / inside).is_file()
                and _page(inside) is None
                and not files.get_file_from_path(_copy(inside))
            ):
                files.append(File.generated(config, _copy(inside), abs_src_path=str(ROOT / inside)))
    return files


def on_page_markdown(markdown: str, page, config, files) -> str:
    """Turn the links of a page to where the site has their targets; a link to a folder becomes its name."""
    source = _source(page.file.src_uri)

    def turned(found: re.Match) -> str:
        inside = _inside(source, found[2])
        if inside is None:
            return found[0]
        if (ROOT / inside).is_dir():
            return found[1].strip("![(]") and f"`{inside}`"
        target = os.path.relpath(_page(inside) or _copy(inside), Path(page.file.src_uri).parent)
        return f"{found[1]}{target}{found[3] or ''}{found[4]}"

    return LINK.sub(turned, markdown)


def _source(page: str) -> str:
    """Return the file of the repository that a page of the site is made from."""
    return next((source for source, its in PAGES.items() if its == page), f"docs/{page}")


def _inside(source: str, target: str) -> str | None:
    """Return the path in the repository of a link's target; None where there is nothing, which the build reports."""
    inside = os.path.normpath(Path(source).parent / target)
    return inside if (ROOT / inside).exists() else None


def _page(inside: str) -> str | None:
    """Return the page of a file of the repository, or None where it has none."""
    return PAGES.get(inside) or (inside.removeprefix("docs/") if re.match(r"docs/.*\.md$", inside) else None)


def _copy(inside: str) -> str:
    """Return where the site keeps a file that is no page; Markdown would become one."""
    return f"files/{inside}" if not inside.startswith(".") else f"files/{inside.lstrip('.')}"
