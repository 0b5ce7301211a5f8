from __future__ import annotations

import peelian.publish as room


def test_the_public_names_are_pinned():
    assert room.__all__ == [
        "Bar", "Evidence", "Series", "Table", "area_map_svg", "audit_page", "bar_chart", "bulletin", "chart_with_table",
        "check_page", "check_wording", "forecast_page", "interval_chart", "interval_table", "line_chart", "map_svg",
        "policy_page", "public_page", "public_site", "quality_page", "reported_by_area", "site_files", "trial_page",
        "write_site",
    ]  # fmt: skip
    assert all(hasattr(room, name) for name in room.__all__)
