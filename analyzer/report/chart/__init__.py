"""Draw a run's pictures into its folder: all events, the long ones, and the worst one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from analyzer.model import Findings
from analyzer.outcome import Outcome
from analyzer.report.chart.kept import digest, is_drawn, marked
from analyzer.report.chart.picture import AllEvents, Picture, as_shown, of_event
from analyzer.report.order import worst_first
from analyzer.report.painters import Painters
from analyzer.report.table import remove
from traffic.disk import make_folder, storage, sweep, write_atomic

ALL = "events.png"
LONG = "events_long.png"
SINGLE = "events"

_OURS = re.compile(r"[0-9a-f]{12}\.png|\d{2,}_\d{4}-\d\d-\d\d_\d{4}_[a-z0-9_.-]+\.png")
"""Pictures of single events; an earlier version called them by the event's id."""


def draw(
    findings: Findings,
    folder: Path,
    charts: int = 12,
    progress: Callable[[int, int], None] | None = None,
    more: Mapping[Path, Picture] | None = None,
    painters: Painters | None = None,
    title: str = "",
    meanwhile: Callable[[], object] = lambda: None,
) -> list[Path]:
    """Draw events.png, events_long.png and events/NUMBER_DAY_TIME_KEY.png of the `charts` worst that have a trace.

    None of them where `charts` is 0. A picture that is there and would come out the same is left as it is, and those
    that an earlier run left and this one does not draw are removed. `progress` is told how many pictures of how many
    are done. `more` are drawn as well, to where they say. `meanwhile` is called while painters draw the first of them.
    The same findings make the same pixels, whoever draws them. Answers the paths.

    Raises:
        StorageFailure: the folder cannot be written.
    """
    findings = as_shown(findings)
    traces = {trace.event_id: trace for trace in findings.traces}
    events = [event for event in worst_first(findings.events)[: max(0, charts)] if event.id in traces]
    outcomes: dict[str, list[Outcome]] = {}
    for outcome in findings.verdict.outcomes if findings.verdict is not None else ():
        outcomes.setdefault(outcome.label.key, []).append(outcome)
    pictures: dict[Path, Picture] = dict(more or {})
    single = folder / SINGLE
    if charts > 0:
        sweep(make_folder(single))
        lanes = replace(findings, traces=())
        overviews = {folder / ALL: AllEvents(lanes, title=title), folder / LONG: AllEvents(lanes, 60, title)}
        pictures = {**overviews, **pictures}
    for number, event in enumerate(events, start=1):
        # A label without a key speaks of all keys.
        about = (*outcomes.get(event.key, ()), *outcomes.get("", ()))
        picture = of_event(findings, event, traces[event.id], about, title)
        pictures[single / f"{number:02}_{picture.name}.png"] = picture
    made_of = {path: digest(picture) for path, picture in pictures.items()}
    todo = {path: picture for path, picture in pictures.items() if not is_drawn(path, made_of[path])}
    done = len(pictures) - len(todo)
    if progress is not None and done:
        progress(done, len(pictures))
    painted = painters.paint(list(todo.values())) if painters is not None and todo else iter(())
    meanwhile()
    for path, png in _drawn(todo, painted):
        write_atomic(path, marked(png, made_of[path]))
        done += 1
        if progress is not None:
            progress(done, len(pictures))
    for stale in sorted(pictures_in(folder) - set(pictures)):
        remove(stale)
    return list(pictures)


def pictures_in(folder: Path) -> set[Path]:
    """The pictures that a run left there: of all events, and of single ones."""
    with storage(folder):
        single = folder / SINGLE
        found = {path for path in single.iterdir() if _OURS.fullmatch(path.name)} if single.is_dir() else set()
        return found | {path for path in (folder / ALL, folder / LONG) if path.exists()}


def _drawn(pictures: Mapping[Path, Picture], painted: Iterator[tuple[int, bytes]]) -> Iterator[tuple[Path, bytes]]:
    """Each picture's bytes as soon as it is done: what painters paint, and the rest here."""
    left = list(pictures)
    for place, png in painted:
        path = list(pictures)[place]
        left.remove(path)
        yield path, png
    for path in left:
        yield path, pictures[path].png()
