import csv

import pytest

from mmlearn.grading.plain import one_line, points_cell, text_cell, write_csv


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\0=1", "\x1b=1", "＝1"])
def test_what_a_spreadsheet_would_compute_is_text(text):
    assert text_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["Ada Lovelace", "O'Brien", "a=b", "", "Müller-Lüdenscheidt", "李明"])
def test_other_text_stays(text):
    assert text_cell(text) == text


def test_a_line_steers_no_terminal_and_turns_no_reading_direction():
    assert one_line("a\x1b[31mb\nc\u202ed\u2066e") == "a [31mb c d e"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (7.0, "7"), (100.0, "100"), (7.5, "7.5"), (20 / 3, "6.67"), (1.005, "1.01"), (0.1 + 0.2, "0.3")],
)
def test_points_are_rounded_to_two_decimals_halves_up(value, shown):
    assert points_cell(value) == shown


def test_no_points_are_an_empty_cell():
    assert points_cell(None) == ""


def test_a_file_is_read_back_as_it_was_written(tmp_path):
    rows = [["name", "told"], ['a "b", c', "two\nlines"]]
    write_csv(tmp_path / "new" / "file.csv", rows)
    with (tmp_path / "new" / "file.csv").open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == rows
