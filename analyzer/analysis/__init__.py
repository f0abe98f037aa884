"""What a log of requests holds, summed up: `analyze`. The store counts; here is what is asked, and how it is said."""

from analyzer.analysis.summary import Analysis, analyse

__all__ = ["Analysis", "analyse"]
