"""What mkdocs.yml asks for: the pages of the site that lie outside docs/."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).resolve().parent.parent
_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
_LINK = re.compile(r"\]\((?!https?:)(?P<to>[^)#]*)(?P<anchor>#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md and its like, with links that lead to the same places from docs/."""
    for name, page in _PAGES.items():
        text = _LINK.sub(_from_docs, (_ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_more: object) -> str:
    """Links of the pages in docs/ to those outside."""
    return re.sub(r"\]\(\.\./([A-Z]+\.md)\)", lambda link: f"]({_PAGES[link[1]]})", markdown)


def _from_docs(link: re.Match[str]) -> str:
    to = link["to"].removeprefix("docs/")
    return f"]({_PAGES.get(to, to)}{link['anchor'] or ''})"
