"""Pure: what is asked, as values. No connection, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from traffic.model import HOUR, Statistic, Window
from traffic.store.elastic.clauses import any_of, is_written_as

Body = dict[str, Any]
Part = tuple[Sequence[str], Window]
"""Some keys in a window."""
KEY = "organization.name"
TIME = "@timestamp"
MOST_INDICES = 10_000
LEFT_OUT = "left out"
_TERMS = 65_536
"""Names that a query may list at once (`index.max_terms_count`)."""
COMPRESSION = 200
"""Of the t-digest that a bucket's p95 is told from: up to about so many documents it is exact, of more it is near."""


class Fields:
    """What the documents' fields are called, and which documents count: the bodies of all searches."""

    def __init__(
        self,
        time: str,
        key: str,
        value: str | None,
        statistic: Statistic,
        also: Body | None = None,
        errors: Body | None = None,
    ) -> None:
        """`also`: a query that documents have to meet as well. `errors`: the one for those that are counted."""
        self.time = time
        self.key = key
        self.value = value
        self.statistic = statistic
        self.errors = errors
        self.bounds: Window | None = None
        """Where all documents lie that count; None: wherever they are."""
        self.names = True
        """Whether keys are names, which a request can list."""
        self.blank = True
        """Whether a key may be an empty text."""
        self.doubles = False
        """Whether a document may have the same key twice."""
        self.several = False
        """Whether a document may have several keys."""
        self.checked: int | None = None
        """Seconds in which a key may have one document and no more, where nobody else sees to that."""
        self.mixed: Mapping[str, Sequence[str]] = {}
        """Family of types -> indices in which the key is of it; empty where it is of one family in all."""
        self.full = False
        """Whether each document has a value, so that it need not be asked for one."""
        self.counter = False
        """Whether values only grow: then the highest of a bucket counts, and when its last document was."""
        self.marks: list[Body] = []
        """Queries for values that stand for none, such as -1."""
        self._also = [] if also is None else [also]

    @property
    def each(self) -> bool:
        """Whether each key is asked for by a query of its own, which no other key of a document disturbs."""
        return self.several or bool(self.mixed)

    @property
    def _valued(self) -> list[Body]:
        there: list[Body] = [] if self.value is None else [{"exists": {"field": self.value}}]
        return there if not self.marks else [*there, {"bool": {"must_not": self.marks}}]

    def outermost(self, apart: Mapping[str, Body]) -> Body:
        """The least and the highest value of all but those that these queries meet, and how many each of them does."""
        values = {end: {end: {"field": self.value}} for end in ("min", "max")}
        rest: Body = {"filter": {"bool": {"must_not": list(apart.values())}}, "aggs": values}
        aggregations = {"rest": rest, "apart": {"filters": {"filters": apart}}} if apart else values
        # Of all documents whatever they lack, an index knows the ends by heart.
        query: Body = {"bool": {"filter": self._also}} if self._also else {"match_all": {}}
        return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggregations}

    def extent(self) -> Body:
        """The first and the last time of all documents."""
        return {"size": 0, "track_total_hits": True, "query": self.query(), "aggs": self._ends()}

    def newest(self, most: int, keys: Sequence[str] | None = None) -> Body:
        """Time, key and value of the last documents, of these keys or all."""
        value = [] if self.value is None else [{"field": self.value}]
        return {
            "size": most,
            "track_total_hits": False,
            "_source": False,
            "query": self.query(keys),
            "sort": [{self.time: "desc"}],
            "docvalue_fields": [{"field": self.time, "format": "epoch_millis"}, {"field": self.key}, *value],
        }

    def weeks(self) -> Body:
        """How many documents each week holds."""
        histogram = {"field": self.time, "fixed_interval": "7d", "min_doc_count": 1}
        weeks = {"weeks": {"date_histogram": histogram}}
        return {"size": 0, "track_total_hits": True, "query": self.query(), "aggs": weeks}

    def page(self, size: int, after: Body | None, indices: Sequence[str] | None = None) -> Body:
        """A page of all keys, each with the first and the last time of its documents; the first one counts keyless.

        Args:
            size: how many.
            after: the last key of the page before.
            indices: the only ones whose documents count.
        """
        composite: Body = {"size": size, "sources": [{"key": {"terms": {"field": self.key}}}]}
        aggregations: Body = {"keys": {"composite": composite, "aggs": self._ends()}}
        if after is None:
            aggregations["keyless"] = {"missing": {"field": self.key}}
        else:
            composite["after"] = after
        query = self.query()
        if indices is not None:
            query["bool"]["filter"].append({"terms": {"_index": list(indices)}})
        return {"size": 0, "track_total_hits": True, "query": query, "aggs": aggregations}

    def listed(self, most: int) -> Body:
        """The same of all keys at once, where they are few: it takes a cluster half as long."""
        query = self.query()
        # An index knows whether all of its documents have a key; those that have none it would look for one by one.
        query["bool"]["filter"].append({"exists": {"field": self.key}})
        keys = {"terms": {"field": self.key, "size": most}, "aggs": {"ends": {"stats": {"field": self.time}}}}
        return {"size": 0, "track_total_hits": True, "query": query, "aggs": {"keys": keys}}

    def many(self) -> Body:
        """How many documents and keys there are."""
        keys = {"keys": {"cardinality": {"field": self.key}}}
        return {"size": 0, "track_total_hits": True, "query": self.query(), "aggs": keys}

    def largest(self, window: Window, most: int, by_sum: bool) -> Body:
        """The keys that have most in a window."""
        terms: Body = {"field": self.key, "size": most, "shard_size": 10 * most + 1_000}
        keys: Body = {"terms": terms}
        if by_sum:
            terms["order"] = {"sum": "desc"}
            keys["aggs"] = {"sum": {"sum": {"field": self.value}}}
        return {"size": 0, "track_total_hits": False, "query": self.query(window=window), "aggs": {"keys": keys}}

    def coverage(self, window: Window, reach: Window, only: Sequence[str] | None = None, *, reasons: bool) -> Body:
        """How many documents each index holds by what can be done with them: of the window, without a time, astray.

        Args:
            window: that is read.
            reach: from the first to the last document that counts; what lies outside of it is astray.
            only: the keys that are read; None: all.
            reasons: say why some are left out, which takes a look at each document for every reason.
        """
        timeless: Body = {"bool": {"must_not": [{"exists": {"field": self.time}}]}}
        outside: Body = {"bool": {"filter": [{"exists": {"field": self.time}}], "must_not": [self.within(reach)]}}
        # Both ends at once: each aggregation reads the times of all documents.
        inner: Body = {"ends": {"stats": {"field": self.time}}, "keys": {"value_count": {"field": self.key}}}
        inner |= {} if self.errors is None else {"errors": {"filter": self.errors}}
        ways: Body = {"filters": self._ways(reach, only)}
        if not reasons:
            ways = {"filters": {"used": ways["filters"]["used"]}, "other_bucket_key": LEFT_OUT}
        found = {"ways": {"filters": ways, "aggs": inner}}
        return {
            "size": 0,
            "track_total_hits": True,
            "query": any_of([self.within(window), timeless, outside]),
            "aggs": {"indices": {"terms": {"field": "_index", "size": MOST_INDICES}, "aggs": found}},
        }

    def _ways(self, reach: Window, only: Sequence[str] | None) -> dict[str, Body]:
        """What can become of a document: each meets just one of these."""
        key: Body = {"exists": {"field": self.key}}
        if self.blank:
            # An empty name is none.
            key = {"bool": {"filter": [key], "must_not": [self._is("")]}}
        steps: list[tuple[str, Body]] = [("filtered", also) for also in self._also]
        steps += [("timeless", {"exists": {"field": self.time}})]
        steps += [("valueless", {"exists": {"field": self.value}})] if self.value else []
        steps += [("marked", {"bool": {"must_not": self.marks}})] if self.marks else []
        # A name that is longer than its mapping allows is in the document, and not in the index.
        long = {"term": {"_ignored": self.key}}
        steps += [("overlong", any_of([key, {"bool": {"must_not": [long]}}]))]
        steps += [("keyless", key), ("astray", self.within(reach))]
        steps += [] if only is None else [("others", self._one_of(only))]
        musts = [query for _, query in steps]
        ways = {name: {"bool": {"filter": musts[:at], "must_not": [query]}} for at, (name, query) in enumerate(steps)}
        return {**ways, "used": {"bool": {"filter": musts}}}

    def buckets(self, keys: Sequence[str], window: Window, step: int) -> Body:
        """The statistic of each key and bucket that holds a document."""
        return self._by_time([(keys, window)], step, self._statistic())

    def joined(self, parts: Sequence[Part], step: int) -> Body:
        """The same of some keys here and others there, as one request; not where each key has a query of its own."""
        return self._by_time(parts, step, self._statistic())

    def hours(self, keys: Sequence[str], window: Window, percents: Sequence[float], digest: Body) -> Body:
        """Percentiles, ends, mean and number of the values of each key and hour; exact where values are documents."""
        values = {
            "percents": {"percentiles": {"field": self.value, "percents": list(percents), **digest}},
            "stats": {"stats": {"field": self.value}},
        }
        body = self._by_time([(keys, window)], HOUR, values)
        if self.checked is not None:
            crowded = {"field": self.time, "fixed_interval": f"{self.checked}s", "min_doc_count": 2}
            body["aggs"]["keys"]["aggs"]["crowded"] = {"date_histogram": crowded}
        return body

    def total(self, window: Window) -> Body:
        """How many documents there are in the window, and the sum of their values."""
        return {
            "size": 0,
            "query": self.query(window=window),
            "aggs": {"count": {"value_count": {"field": self.time}}, "sum": {"sum": {"field": self.value}}},
        }

    def sums(self, keys: Sequence[str], window: Window) -> Body:
        """How many documents there are of each key in the window, and the sum of their values."""
        terms = {"field": self.key, "size": max(1, len(keys)), "include": list(keys)}
        sums = {"sum": {"sum": {"field": self.value}}}
        return {
            "size": 0,
            "query": self.query(keys, window),
            "aggs": {"keys": {"terms": terms, "aggs": sums}},
        }

    def _statistic(self) -> Body:
        if self.errors is not None:
            return {"value": {"filter": self.errors}}
        if self.counter:
            return {"value": {"max": {"field": self.value}}, "at": {"max": {"field": self.time}}}
        if self.statistic == "p95":
            digest = {"tdigest": {"compression": COMPRESSION}}
            return {"value": {"percentiles": {"field": self.value, "percents": [95.0], "keyed": False, **digest}}}
        return {"value": {self.statistic: {"field": self.value}}} if self.statistic != "count" else {}

    def _by_time(self, parts: Sequence[Part], step: int, values: Body) -> Body:
        histogram = {"field": self.time, "fixed_interval": f"{step}s", "min_doc_count": 1}
        inner: Body = {"time": {"date_histogram": histogram}, **self._ends()}
        if values:
            inner["time"]["aggs"] = values
        around = {} if self.around is None else {"all": self.around}
        keys = list(dict.fromkeys(key for some, _ in parts for key in some))
        # What lies in a window has a time.
        each = [[self.within(window), self._one_of(some)] for some, window in parts]
        there = each[0] if len(each) == 1 else [any_of([{"bool": {"filter": one}} for one in each])]
        return {
            "size": 0,
            "track_total_hits": True,
            "query": {"bool": {"filter": [*self._also, *([] if self.full else self._valued), *there]}},
            "aggs": {"keys": {**self._of_keys(keys), "aggs": inner}, **around},
        }

    @property
    def around(self) -> Body | None:
        """The figure over all documents that the buckets of an answer have to agree with."""
        if self.errors is not None:
            return {"filter": self.errors}
        return None if self.value is None or self.statistic == "count" else {"stats": {"field": self.value}}

    def _of_keys(self, keys: Sequence[str]) -> Body:
        if self.each:
            return {"filters": {"filters": [self._is(key) for key in keys]}}
        terms: Body = {"field": self.key, "size": max(1, len(keys))}
        if self.names:
            terms["include"] = list(keys)
        return {"terms": terms}

    def _is(self, key: str) -> Body:
        """Documents of a key. Where it is a number in one index and a name in another, it is read as either.

        As what it is written like alone: `01` is no number, and `10.0.0.0/8` would be every address in it.
        """
        term: Body = {"term": {self.key: key}}
        if not self.mixed:
            return term
        some = [indices for family, indices in self.mixed.items() if is_written_as(family, key)]
        return any_of([{"bool": {"filter": [{"terms": {"_index": list(one)}}, term]}} for one in some])

    def _ends(self) -> Body:
        return {"first": {"min": {"field": self.time}}, "last": {"max": {"field": self.time}}}

    def query(self, keys: Sequence[str] | None = None, window: Window | None = None) -> Body:
        """The documents that count, of some keys or all, in a window or ever: a `bool` query with a `filter` list."""
        musts: list[Body] = [*self._also, {"exists": {"field": self.time}}, *self._valued]
        if window is not None or self.bounds is not None:
            musts.append(self.within(window or self.bounds or Window(0, 0)))
        if keys is not None:
            musts.append(self._one_of(keys))
        return {"bool": {"filter": musts}}

    def _one_of(self, keys: Sequence[str]) -> Body:
        """Documents of any of these keys."""
        if self.mixed:
            each = [self._is(key) for key in keys]
        else:
            each = [{"terms": {self.key: list(keys[at : at + _TERMS])}} for at in range(0, len(keys), _TERMS)]
        return each[0] if len(each) == 1 else any_of(each)

    def within(self, window: Window) -> Body:
        """Documents in a window."""
        bounds = {"gte": window.start * 1000, "lt": window.end * 1000, "format": "epoch_millis"}
        return {"range": {self.time: bounds}}


_HITS = "hits.total"
ENDS = f"{_HITS},aggregations.first.value,aggregations.last.value"
WEEKS = f"{_HITS},aggregations.weeks.buckets.key,aggregations.weeks.buckets.doc_count"
_KEYS = "aggregations.keys.buckets"
_NAMED = f"{_KEYS}.key,{_KEYS}.key_as_string,{_KEYS}.doc_count"
_EACH = f"{_NAMED},{_KEYS}.first.value,{_KEYS}.last.value"
PAGE = f"{_HITS},aggregations.keyless.doc_count,aggregations.keys.after_key,{_EACH}"
_ALL = "aggregations.keys.doc_count_error_upper_bound,aggregations.keys.sum_other_doc_count"
LISTED = f"{_HITS},{_ALL},{_NAMED},{_KEYS}.ends.min,{_KEYS}.ends.max"
_BY_TIME = f"{_HITS},{_ALL},{_EACH},{_KEYS}.time.buckets.key,{_KEYS}.time.buckets.doc_count,aggregations.all"
_VALUE = f"{_KEYS}.time.buckets.value"
BUCKETS = f"{_BY_TIME},{_VALUE}.value,{_VALUE}.doc_count,{_VALUE}.values.value,{_KEYS}.time.buckets.at.value"
_STATS = f"{_KEYS}.time.buckets.stats"
HOURS = (
    f"{_BY_TIME},{_KEYS}.time.buckets.percents.values,{_STATS}.min,{_STATS}.max,{_STATS}.avg,"
    f"{_KEYS}.crowded.buckets.doc_count"
)
MANY = f"{_HITS},aggregations.keys.value"
LARGEST = f"{_KEYS}.key,{_KEYS}.key_as_string"
COVERAGE = f"{_HITS},aggregations.indices"
OUTERMOST = "aggregations.min,aggregations.max,aggregations.rest,aggregations.apart"
SUMS = f"{_KEYS}.key,{_KEYS}.doc_count,{_KEYS}.sum.value"
TOTAL = "aggregations.count.value,aggregations.sum.value"
