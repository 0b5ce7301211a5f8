"""Pages that are made from evidence: the bulletin, the public site, and a page for each kind of result.

Every page is one self-contained HTML file: no script, no request, the same bytes for the same evidence.
"""

from peelian.publish.bulletin import bulletin
from peelian.publish.charts import (
    Bar,
    Series,
    Table,
    bar_chart,
    chart_with_table,
    interval_chart,
    interval_table,
    line_chart,
)
from peelian.publish.evidence import Evidence, reported_by_area
from peelian.publish.maps import area_map_svg, map_svg
from peelian.publish.policy import policy_page
from peelian.publish.public import public_page, public_site, site_files, write_site
from peelian.publish.results import audit_page, forecast_page, quality_page, trial_page
from peelian.publish.wording import check_page, check_wording

__all__ = [
    "Bar",
    "Evidence",
    "Series",
    "Table",
    "area_map_svg",
    "audit_page",
    "bar_chart",
    "bulletin",
    "chart_with_table",
    "check_page",
    "check_wording",
    "forecast_page",
    "interval_chart",
    "interval_table",
    "line_chart",
    "map_svg",
    "policy_page",
    "public_page",
    "public_site",
    "quality_page",
    "reported_by_area",
    "site_files",
    "trial_page",
    "write_site",
]
