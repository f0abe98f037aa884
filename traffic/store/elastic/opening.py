"""What an index is read as: a store of ours, or documents of a user's own by the fields that were named or found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from traffic.errors import UsageFailure
from traffic.filled import metric_of
from traffic.model import Metric
from traffic.store.columns import Columns
from traffic.store.elastic.bodies import KEY, TIME, Body, Fields
from traffic.store.elastic.client import Cluster
from traffic.store.elastic.fields import KeyField, check_fields, field_types, read_filter, said_errors
from traffic.store.elastic.layout import Layout
from traffic.store.elastic.marked import leave_out_marks
from traffic.store.elastic.reported import unfinished_flows
from traffic.store.elastic.roles import log_roles
from traffic.store.elastic.sample import sample, with_evidence
from traffic.store.elastic.view import View, view_of
from traffic.store.folder import Manifest
from traffic.store.kinds import FOLDER, refuse_options
from traffic.store.log_fields import PRESETS, LogFields, asks_errors, understood


@dataclass(frozen=True, kw_only=True)
class ReadAs:
    """How the documents of an index are understood."""

    fields: Fields
    """What they are asked for by."""
    metric: Metric
    ours: bool
    """Whether we made the index."""
    step: int | None
    """Seconds in which a key has one document and no more; None where it may have any number."""
    told: int | None
    """Seconds between the documents of a key where that is not so, by what is known or the newest tell."""
    lines: bool = False
    """Whether they are lines of a log, which come as they like."""
    said: str
    """Whatever an answer depends on that a person said."""
    view: View
    groups: tuple[tuple[str, ...] | None, ...] = (None,)
    """Indices in which the key is of one type; (None,) for all."""
    notes: tuple[str, ...] = ()
    """What a person should know of it."""
    errors: str = ""
    """How errors are told, where they are counted."""
    key_found: bool = False
    """Whether the key was not named by a person."""


def as_ours(cluster: Cluster, columns: Columns, ours: Manifest, several: bool = False) -> ReadAs:
    """An index that we made; `several`: of flow records, which add up to the totals of their key and step.

    Raises:
        UsageFailure: options were given that are only for others.
    """
    refuse_options(columns, FOLDER.takes | {"filter_file"}, FOLDER.instead)
    field, step = ours.field, None if several else ours.step
    also = read_filter(columns.filter_file)
    metric = metric_of(field)
    fields = Fields(TIME, KEY, field, metric.statistic, also)
    # Until an answer shows that somebody else wrote to it.
    fields.full = True
    return ReadAs(
        fields=fields,
        metric=metric,
        ours=True,
        step=step,
        told=ours.step if several else None,
        said=repr((field, step, ours.scenario, also)),
        view=view_of(cluster, also),
    )


def as_named(cluster: Cluster, columns: Columns, layout: Layout) -> ReadAs:
    """An index of a user's own.

    Raises:
        UsageFailure: the fields that were named are not there or do not fit, or none were.
    """
    if layout.ours is not None:
        raise UsageFailure(f"{cluster.name} mixes stores of sl with {layout.others[0]}: use only one of them")
    found = field_types(cluster) if columns.preset or columns.errors else {}
    errors = None if columns.errors is None else said_errors(cluster, columns.errors, found)
    also = read_filter(columns.filter_file)
    told_errors, key_found = columns.errors or "", False
    notes: list[str] = []
    if columns.preset is not None:
        preset = PRESETS[columns.preset]
        roles = log_roles(cluster, found, {}, also, preset.errors or preset.latency)
        key_found = columns.key is None
        if asks_errors(columns):
            errors, told_errors = roles.errors, roles.told or ""
            notes += roles.remarks
        notes += roles.notes if preset.latency and columns.value is None else ()
        columns = understood(columns, roles.known, cluster.name)
    else:
        columns = understood(columns, LogFields(), cluster.name)
    time, key = columns.time or TIME, columns.key
    if key is None or (columns.value is None and columns.how not in ("count", "share")):
        raise UsageFailure(
            f"{cluster.name} is your own index: specify the field that names the series with --key, and the field "
            "with the values with --value (or use --statistic count, or --metric for log lines)"
        )
    about = check_fields(cluster, time, key, columns.value, columns.how)
    told, lines = None, columns.preset is not None or columns.errors is not None
    if not lines:
        # Log lines come as they like, however regular they may look.
        newest = sample(cluster, _fields(time, key, columns, about, also, errors))
        told = newest.evidence.step
        if columns.value is not None:
            columns, evidence = with_evidence(columns, about.counter, newest, key)
            notes += evidence
    metric = columns.metric()
    if columns.value is None and errors is None and columns.preset is None:
        metric = replace(metric, name="documents", field="documents")
    if columns.step is not None:
        # One document a step: a step without one was not measured.
        metric = replace(metric, empty="missing")
    notes += [about.remark] if about.remark else []
    fields = _fields(time, key, columns, about, also, errors)
    if columns.value is not None and columns.how != "count":
        notes += leave_out_marks(cluster, fields, columns.missing)
        notes += unfinished_flows(cluster, fields) if columns.how == "sum" else []
    if columns.preset is not None:
        value = "" if columns.value is None else f", {columns.value}"
        notes.append(f"using {time}, {key}{value}")
        notes += [] if errors is None else [f"errors: {told_errors}"]
    return ReadAs(
        fields=fields,
        metric=metric,
        ours=False,
        step=columns.step,
        told=told,
        lines=lines,
        said=repr((time, key, columns.value, columns.how, columns.step, also, errors, columns.counter, fields.marks)),
        view=view_of(cluster, also),
        groups=about.groups,
        notes=tuple(notes),
        errors=told_errors,
        key_found=key_found,
    )


def _fields(time: str, key: str, columns: Columns, about: KeyField, also: Body | None, errors: Body | None) -> Fields:
    """How the documents of a user's own are asked for."""
    fields = Fields(time, key, columns.value, columns.how, also, errors)
    fields.names, fields.mixed, fields.checked = about.names, about.mixed, columns.step
    fields.blank, fields.doubles, fields.counter = about.blank, about.doubles, bool(columns.counter)
    return fields
