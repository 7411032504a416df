"""A number is written as its cell shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.documents.numberformat import shown, text_shown


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1e308, "0" * 100_000 + ".0", "1e+308"), (0.075, "0" * 300, "0.075"),
        (0.075, "0.0%", "7.5%"), (0.075, "0%", "8%"), (7110, "00000", "07110"), (81234567801, "0000-0000-0000", "0812-3456-7801"),
        (25000, '"Rp"#,##0', "Rp25.000"), (25000, "[$Rp-421]#,##0.00", "Rp25.000,00"), (25000, "$#,##0", "$25,000"),
        (25000, '_("Rp"* #,##0_);_("Rp"* (#,##0);_("Rp"* "-"_);_(@_)', "Rp 25.000"), (0, '#,##0;-#,##0;"gratis"', "gratis"),
        (-5, "#,##0;[Red](#,##0)", "(5)"), (-5, "0.00", "-5.00"), (1_500_000, '0.0,,"jt"', "1.5jt"), (12.5, '0.00 "kg"', "12.50 kg"),
        (46357, "d mmmm yyyy", "1 December 2026"), (46357, "[$-421]d mmmm yyyy", "1 Desember 2026"), (46357, "dd/mm/yy", "01/12/26"),
        (46357.5, "yyyy-mm-dd hh:mm", "2026-12-01 12:00"), (0.354166667, "h:mm AM/PM", "8:30 AM"), (1.5, "[h]:mm", "36:00"),
        (0.5, "# ?/?", "1/2"), (1.75, "# ??/??", "1 3/4"), (-2.25, "# ?/?", "-2 1/4"), (3, "# ?/?", "3"), (0.5, '# ?/8 "kg"', "4/8 kg"),
        (1.5, "?/?", "3/2"), (0, "# ?/?", "0"), (0.333, "# ?/?", "1/3"), (2.9999, "# ?/4", "3"),
        (0.75, "hh:mm", "18:00"), (1.5, "General", "1.5"), (3, "General", "3"), (12345.678, "0.00E+00", "1.23E+4"),
        (1234.5, "#,##0.00", "1,234.50"), (25000, "#,##0", "25000"), (5_000_000, '[>=1000000]0.0,,"jt";0', "5.0jt"),
    ],
)  # fmt: skip
def test_what_a_cell_shows(value: float, code: str, text: str) -> None:
    assert shown(value, code) == text


def test_a_text_keeps_what_its_format_adds() -> None:
    assert text_shown("A1", '0;0;0;"SKU "@') == "SKU A1"
    assert text_shown("A1", "#,##0") == "A1"


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet='0#?.,;%/"\\[]$-_*@EeyYmMdDhHsS:AP/ General', max_size=20),
)
def test_no_number_and_no_format_fails(value: float, code: str) -> None:
    assert isinstance(shown(value, code), str)
