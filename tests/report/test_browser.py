"""The page of the tiny run in Debian's Chromium, from the file system: what readers of a run see and do."""

import os
from pathlib import Path

import pytest
from chromium import Browser, chromium

pytestmark = [pytest.mark.pipeline, pytest.mark.browser]
WIDTHS = (1280, 400)


@pytest.fixture(scope="module", autouse=True)
def required():
    """Skip where there is no browser; in CI there must be one."""
    if chromium() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed; apt-get install --no-install-recommends chromium")
        pytest.skip("needs chromium")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(finished) -> Path:
    return finished.results / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_opens_without_a_complaint_and_without_a_request(browser, page, width, scheme):
    browser.requests.clear()
    browser.complaints.clear()
    browser.show(page, width=width, scheme=scheme)
    assert browser.complaints == []
    asked = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
    assert asked == [page.resolve().as_uri()]
    assert (
        browser.value("document.documentElement.scrollWidth") <= width
    )  # nothing makes the page wider than the window
    light = browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")


@pytest.mark.parametrize("width", WIDTHS)
def test_charts_and_pictures_have_a_size(browser, page, width):
    browser.show(page, width=width)
    charts = browser.value(
        "[...document.querySelectorAll('.view svg')].map((svg) => svg.getBoundingClientRect().width)"
    )
    assert len(charts) > 10
    assert all(200 < chart <= width for chart in charts)
    assert browser.value("document.querySelectorAll('.view svg path').length") > 100
    pictures = browser.value(
        "[...document.querySelectorAll('.slide:not([hidden]) img')].map((i) => [i.naturalWidth, i.clientWidth])"
    )
    assert len(pictures) == 12
    assert all(natural > 40 and 80 < shown <= width for natural, shown in pictures)


def rows(browser, table, column):
    return browser.value(
        f"[...document.querySelectorAll('#{table} tbody tr')].map((r) => r.cells[{column}].textContent)"
    )


def test_tables_are_sorted_by_a_click(browser, page):
    browser.show(page, width=1280)
    names = browser.value("[...document.querySelectorAll('#table1_pseudo_masks th')].map((h) => h.innerText.trim())")
    place = next(number for number, name in enumerate(names) if name.startswith("mIoU"))
    before = rows(browser, "table1_pseudo_masks", place)
    click = f"document.querySelectorAll('#table1_pseudo_masks th button')[{place}].click()"
    browser.value(click)
    falling = [float(text.split()[0]) for text in rows(browser, "table1_pseudo_masks", place)]
    assert falling == sorted(falling, reverse=True)
    browser.value(click)
    rising = [float(text.split()[0]) for text in rows(browser, "table1_pseudo_masks", place)]
    assert rising == falling[::-1] != [float(text.split()[0]) for text in before]
    state = f"document.querySelectorAll('#table1_pseudo_masks th')[{place}].getAttribute('aria-sort')"
    assert browser.value(state) == "ascending"


def test_tables_and_gallery_work_by_keyboard(browser, page):
    browser.show(page, width=1280)
    browser.value("document.querySelector('#table1_pseudo_masks th button').focus()")
    browser.press("Enter", 13, "\r")
    assert browser.value("document.querySelector('#table1_pseudo_masks th').getAttribute('aria-sort')") == "ascending"
    names = [name.split()[0] for name in rows(browser, "table1_pseudo_masks", 0)]
    assert names.index("naive") < names.index("ours") < names.index("resnet50") < names.index("vit")
    browser.value("document.getElementById('slides').focus()")
    browser.press("ArrowRight", 39)
    assert browser.value("document.getElementById('gallery-place').textContent").startswith("2 of ")
    browser.press("ArrowLeft", 37)
    browser.press("ArrowLeft", 37)
    last = browser.value("document.getElementById('gallery-place').textContent").split(" of ")
    assert last[0] == last[1]
    browser.show(page, width=1280)
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.className") == "skip"  # the first stop leads past the navigation
    reached = "document.activeElement.tagName + document.activeElement.textContent.trim()"
    for _ in range(11):
        browser.press("Tab", 9)
    stops = {browser.value(reached)}
    for _ in range(3):
        browser.press("Tab", 9)
        stops.add(browser.value(reached))
    assert {"BUTTONmethod", "BUTTONthreshold by"} <= stops


def choose(browser, name, value):
    select = f"document.getElementById('gallery-{name}')"
    browser.value(f"{select}.value = '{value}'; {select}.dispatchEvent(new Event('change'))")


def test_the_gallery_goes_on_and_back_and_filters(browser, page):
    browser.show(page, width=400)
    shown = "document.querySelector('.slide:not([hidden]) h3').textContent"
    count = "document.querySelectorAll('.slide:not([hidden])').length"
    first = browser.value(shown)
    browser.value("document.getElementById('gallery-next').click()")
    assert browser.value(shown) != first
    browser.value("document.getElementById('gallery-previous').click()")
    assert browser.value(shown) == first
    choose(browser, "part", "val")
    assert browser.value(shown).startswith("val_")
    assert browser.value("document.querySelectorAll('.slide:not([hidden]) img').length") == 5
    for rank in ("worst", "middle", "best"):
        choose(browser, "rank", rank)
        assert rank in browser.value("document.querySelector('.slide:not([hidden]) p').textContent")
    choose(browser, "rank", "")
    choose(browser, "part", "")
    for name in browser.value("[...document.getElementById('gallery-class').options].map((o) => o.value)")[1:]:
        choose(browser, "class", name)
        assert browser.value(count) == 1
        assert name in browser.value("JSON.parse(document.querySelector('.slide:not([hidden])').dataset.classes)")
    choose(browser, "rank", "worst")
    assert browser.value(f"{count} === 1 || !document.getElementById('gallery-empty').hidden")


def test_lines_are_switched_off_in_the_legend_and_confusions_are_chosen(browser, page):
    browser.show(page, width=1280)
    button = "document.querySelector('#curves_ours .legend button')"
    lines = "document.querySelectorAll('#curves_ours .view')[0].querySelectorAll('.mark-line path').length"
    before = browser.value(lines)
    browser.value(f"{button}.click()")
    browser.wait_for(f"{lines} === {before - 1}")
    assert browser.value(f"{button}.getAttribute('aria-pressed')") == "false"
    browser.value(f"{button}.click()")
    browser.wait_for(f"{lines} === {before}")
    drawn, select = "document.querySelector('#confusion svg').innerHTML", "document.querySelector('#confusion select')"
    browser.value(f"window.before = {drawn}; {select}.selectedIndex = {select}.options.length - 1")
    browser.value(f"{select}.dispatchEvent(new Event('change'))")
    browser.wait_for(f"{drawn} !== window.before")
    assert browser.complaints == []


def test_every_control_has_a_name_and_every_picture_a_description(browser, page):
    browser.show(page, width=1280)
    assert browser.value("[...document.images].every((image) => image.alt)")
    assert browser.value("[...document.querySelectorAll('select')].every((select) => select.labels.length)")
    assert browser.value("[...document.querySelectorAll('button')].every((button) => button.textContent.trim())")
    assert browser.value("document.documentElement.lang") == "en"


def test_on_paper_it_is_black_on_white_and_nothing_is_cut_off(browser, page):
    browser.show(page, width=720, scheme="dark", medium="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("document.documentElement.scrollWidth") <= 720
    assert browser.value("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert browser.value(
        "[...document.querySelectorAll('.scroll')].every((box) => box.scrollWidth <= box.clientWidth + 1)"
    )


def test_a_table_of_its_own_is_sorted_too(browser, page):
    browser.complaints.clear()
    browser.show(page.parent / "tables/table2_variants.html", width=400)
    browser.value("[...document.querySelectorAll('th button')].find((b) => b.textContent === 'mIoU').click()")
    assert browser.value("document.querySelectorAll('th[aria-sort=descending]').length") == 1
    assert browser.complaints == []
