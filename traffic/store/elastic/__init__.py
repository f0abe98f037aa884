"""Elasticsearch: what outgrows one machine. It aggregates where the data lies; only roll-ups and suspects travel."""

from traffic.store.elastic.findings import FindingsIndex
from traffic.store.elastic.sink import ElasticSink
from traffic.store.elastic.source import ElasticSource

__all__ = ["ElasticSink", "ElasticSource", "FindingsIndex"]
