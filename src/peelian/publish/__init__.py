"""Pages that are made from evidence: the bulletin, the public site, and a page for each kind of result."""

from peelian.publish.bulletin import bulletin
from peelian.publish.evidence import Evidence

__all__ = ["Evidence", "bulletin"]
