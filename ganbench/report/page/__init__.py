"""The web report: one file that works offline, from the summary's frames."""

from ganbench.report.page.page import comparison_page, links_of, page
from ganbench.report.page.record import Record, read_record, write_record

__all__ = ["Record", "comparison_page", "links_of", "page", "read_record", "write_record"]
