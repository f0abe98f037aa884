"""What a log of requests holds, summed up: `analyze`. The store counts; here is what is asked, and how it is said."""

from analyzer.log_summary.summary import Analysis, analyse

__all__ = ["Analysis", "analyse"]
