"""Saved objects of Kibana as values: data views, Lens charts, dashboards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Kibana brings saved objects of these versions up to its own when it imports them.
CORE = "8.8.0"
TYPES = {"index-pattern": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}

Column = dict[str, Any]


def saved(
    kind: str, name: str, attributes: Mapping[str, Any], references: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """A saved object."""
    return {
        "id": name,
        "type": kind,
        "attributes": attributes,
        "references": list(references),
        "coreMigrationVersion": CORE,
        "typeMigrationVersion": TYPES[kind],
        "managed": False,
    }


def over_time() -> Column:
    """Time, in steps that fit the window."""
    return {
        "label": "@timestamp",
        "dataType": "date",
        "operationType": "date_histogram",
        "sourceField": "@timestamp",
        "isBucketed": True,
        "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }


def top(field: str, size: int, kind: str = "string") -> Column:
    """The values of a field with the most of what is measured."""
    params = {
        "size": size,
        "orderBy": {"type": "column", "columnId": "value"},
        "orderDirection": "desc",
        "otherBucket": False,
        "missingBucket": False,
        "parentFormat": {"id": "terms"},
    }
    return {
        "label": field,
        "dataType": kind,
        "operationType": "terms",
        "sourceField": field,
        "isBucketed": True,
        "scale": "ordinal",
        "params": params,
    }


def measured(operation: str, field: str = "___records___", label: str = "", only: str = "", **more: Any) -> Column:
    """A number: count, sum, average, percentile; of the documents that `only` (KQL) lets through."""
    column: Column = {
        "label": label or operation,
        "customLabel": True,
        "dataType": "number",
        "operationType": operation,
        "sourceField": field,
        "isBucketed": False,
        "scale": "ratio",
        "params": {"emptyAsNull": True, **more.pop("params", {})},
        **more,
    }
    return column | ({"filter": {"language": "kuery", "query": only}} if only else {})


def chart(
    name: str, title: str, view: str, look: str, columns: Mapping[str, Column], query: str = ""
) -> dict[str, Any]:
    """A Lens chart: `look` is a kind of series, or `table`. Columns are called time, split, value, value2 ..."""
    values = [column for column in columns if column.startswith("value")]
    if look == "table":
        kind = "lnsDatatable"
        visualization: dict[str, Any] = {
            "layerId": "layer",
            "layerType": "data",
            "columns": [{"columnId": column} for column in columns],
        }
    else:
        kind = "lnsXY"
        layer = {"layerId": "layer", "layerType": "data", "seriesType": look, "xAccessor": "time", "accessors": values}
        visualization = {
            "preferredSeriesType": look,
            "legend": {"isVisible": True, "position": "right"},
            "valueLabels": "hide",
            "fittingFunction": "None",
            "layers": [layer | ({"splitAccessor": "split"} if "split" in columns else {})],
        }
    # What is grouped by comes before what is measured.
    order = [column for column in columns if column not in values] + values
    state = {
        "datasourceStates": {
            "formBased": {
                "layers": {"layer": {"columnOrder": order, "columns": columns, "incompleteColumns": {}, "sampling": 1}}
            }
        },
        "visualization": visualization,
        "query": {"language": "kuery", "query": query},
        "filters": [],
        "internalReferences": [],
        "adHocDataViews": {},
    }
    references = [{"type": "index-pattern", "id": view, "name": "indexpattern-datasource-layer-layer"}]
    return saved(
        "lens", name, {"title": title, "description": "", "visualizationType": kind, "state": state}, references
    )


def dashboard(name: str, title: str, description: str, charts: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    """Charts, each with its width (of 48) and height, from the left to the right and down."""
    panels, references, x, y, tallest = [], [], 0, 0, 0
    for number, (one, width, height) in enumerate(charts):
        if x + width > 48:
            x, y, tallest = 0, y + tallest, 0
        place = {"x": x, "y": y, "w": width, "h": height, "i": str(number)}
        panels.append(
            {
                "type": "lens",
                "panelIndex": str(number),
                "gridData": place,
                "embeddableConfig": {"enhancements": {}},
                "panelRefName": f"panel_{number}",
            }
        )
        references.append({"type": "lens", "id": one, "name": f"{number}:panel_{number}"})
        x, tallest = x + width, max(tallest, height)
    search = {"query": {"language": "kuery", "query": ""}, "filter": []}
    attributes = {
        "title": title,
        "description": description,
        "panelsJSON": json.dumps(panels),
        "optionsJSON": json.dumps(
            {"useMargins": True, "syncColors": True, "syncCursor": True, "hidePanelTitles": False}
        ),
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(search)},
        "timeRestore": False,
        "version": 1,
    }
    return saved("dashboard", name, attributes, references)
