"""HTML as trees."""

from railwatch.services.alerting.pages.markup import document, el, rows


def test_text_and_attributes_stay_text() -> None:
    page = document("<b>", el("p", "a < b & c", title='"quoted" <i>'), description="<script>")
    assert "<title>&lt;b&gt;</title>" in page
    assert "a &lt; b &amp; c" in page
    assert "<script>" not in page
    assert 'title="&quot;quoted&quot; ' in page


def test_what_is_null_or_false_is_left_out() -> None:
    element = el("input", None, class_="wide", aria_label=None, required=True, hidden=False)
    assert element.attrib == {"class": "wide", "required": ""}
    assert [row.find("dd").text for row in rows(("A", "1"), ("B", None))] == ["1"]  # type: ignore[union-attr]
