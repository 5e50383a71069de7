"""The journal is append-only, chained, readable again as models, and one file when closed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_events import NOON, SCENARIO, Record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zdr_audit.journal.events import EVENTS, KINDS, RunEnded, ScenarioEnded
from zdr_audit.journal.store import _SCHEMA, Journal, JournalError

COUNT = len(Record().events())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed journal with the events of a whole run."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    with Journal(path) as journal:
        for event in Record().events():
            journal.append(event)
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "folder" / "journal.sqlite") as found:
        yield found


def rows(path: Path) -> list[tuple[int, str, str, str, str]]:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT * FROM events ORDER BY sequence").fetchall()


def forged(folder: Path, changed: list[tuple[int, str, str, str, str]]) -> Path:
    """A journal file with these rows, as somebody with a database tool could leave it."""
    path = folder / "forged.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as db:
        db.executescript(_SCHEMA.partition("CREATE TRIGGER")[0])
        db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", changed)
    db.close()
    return path


def problems(folder: Path, changed: list[tuple[int, str, str, str, str]], head: str | None = None) -> list[str]:
    with Journal(forged(folder, changed), read_only=True) as journal:
        return journal.problems(head)


def test_events_come_back_as_the_models_that_were_appended(written):
    with Journal(written, read_only=True) as journal:
        assert list(journal.events()) == Record().events()
        assert journal.problems() == []


def test_every_kind_of_event_has_a_name_of_its_own():
    assert len(KINDS) == len(EVENTS)
    assert {EVENTS[kind] for kind in KINDS.values()} == set(KINDS)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{}' WHERE sequence = 1",
        "UPDATE events SET sequence = 9 WHERE sequence = 1",
        "DELETE FROM events",
        "DELETE FROM events WHERE sequence = 1",
        "INSERT OR REPLACE INTO events VALUES (1, 'sanity', '{}', '', '')",
        "REPLACE INTO events VALUES (1, 'sanity', '{}', '', '')",
    ],
)
def test_an_event_cannot_be_changed_removed_or_replaced(journal, statement):
    journal.append(ScenarioEnded(name=SCENARIO))
    before = rows(journal.path)
    with sqlite3.connect(journal.path) as other, pytest.raises(sqlite3.IntegrityError, match="the journal is append-only"):
        other.execute(statement)
    assert rows(journal.path) == before


def test_a_journal_opened_again_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "journal.sqlite"
    for name in ("one", "two"):
        with Journal(path) as journal:
            journal.append(ScenarioEnded(name=name))
    with Journal(path, read_only=True) as journal:
        assert [e.name for e in journal.events()] == ["one", "two"]
        assert journal.problems(journal.head) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_signal_that_is_seen_to_while_an_event_is_written_leaves_the_chain_whole(tmp_path, when):
    """A handler runs as soon as the statement is done: the event stands in the file, and the journal had not noted it."""
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.append(ScenarioEnded(name="first"))
        database = journal._db

        class Interrupted:
            def execute(self, statement, *values):
                if when == "after" or not statement.startswith("INSERT"):
                    done = database.execute(statement, *values)
                if statement.startswith("INSERT"):
                    raise KeyboardInterrupt("stopped by a signal")
                return done

        journal._db = Interrupted()
        with pytest.raises(KeyboardInterrupt):
            journal.append(ScenarioEnded(name="second"))
        journal._db = database
        journal.append(RunEnded(ended_at=NOON, interrupted="stopped by a signal"))
        assert journal.problems(journal.head) == []
        names = [event.name for event in journal.events() if isinstance(event, ScenarioEnded)]
    assert names == (["first", "second"] if when == "after" else ["first"])


def test_the_head_binds_the_whole_journal(journal):
    heads = [journal.head]
    for name in "abc":
        journal.append(ScenarioEnded(name=name))
        heads.append(journal.head)
    assert heads[0] == ""
    assert len(set(heads)) == 4
    assert all(len(head) == 64 for head in heads[1:])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(number=st.integers(0, COUNT - 1), column=st.sampled_from([1, 2, 3, 4]), place=st.integers(0), letter=st.characters(codec="utf-8"))
def test_any_altered_event_is_found(written, tmp_path, number, column, place, letter):
    changed = rows(written)
    row = list(changed[number])
    text = str(row[column])
    place %= len(text) + 1
    row[column] = text[:place] + letter + text[place + 1 :]
    changed[number] = tuple(row)
    found = problems(tmp_path, changed)
    if row[column] == text:
        assert found == []
    else:
        assert f"event {number + 1} ({row[1]}) does not fit the chain" in found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(number=st.integers(0, COUNT - 2), count=st.integers(1, 3))
def test_any_removed_event_is_found(written, tmp_path, number, count):
    changed = rows(written)
    last = min(number + count, COUNT - 1)  # the last one stays
    del changed[number:last]
    found = problems(tmp_path, changed)
    assert f"event {number + 1} is missing" in found
    assert any(f"event {last + 1} " in words and "does not fit the chain" in words for words in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(number=st.integers(0, COUNT - 2), renumber=st.booleans())
def test_removing_and_renumbering_is_found(written, tmp_path, number, renumber):
    changed = rows(written)
    del changed[number]
    if renumber:
        changed = [(at, *row[1:]) for at, row in enumerate(changed, 1)]
    assert problems(tmp_path, changed) != []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(pair=st.lists(st.integers(0, COUNT - 1), min_size=2, max_size=2, unique=True))
def test_any_two_swapped_events_are_found(written, tmp_path, pair):
    changed = rows(written)
    first, second = pair
    changed[first], changed[second] = (changed[first][0], *changed[second][1:]), (changed[second][0], *changed[first][1:])
    assert problems(tmp_path, changed) != []


@pytest.mark.parametrize("kept", [0, 1, COUNT - 1])
def test_a_journal_cut_off_at_the_end_is_betrayed_by_the_head_of_the_report(written, tmp_path, kept):
    whole = rows(written)
    head = whole[-1][4]
    assert problems(tmp_path, whole, head) == []
    assert problems(tmp_path, whole[:kept], head) == [f"the journal does not end with the event whose digest begins with {head[:12]}"]


def test_closing_leaves_one_file(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    journal.append(ScenarioEnded(name="x"))
    assert {p.name for p in tmp_path.iterdir()} > {"journal.sqlite"}, "while open there is a log beside it"
    journal.close()
    assert [p.name for p in tmp_path.iterdir()] == ["journal.sqlite"]


def test_closing_twice_is_no_error(journal):
    journal.close()
    journal.close()


def test_reading_leaves_no_trace(written):
    before = (written.read_bytes(), sorted(p.name for p in written.parent.iterdir()))
    with Journal(written, read_only=True) as journal:
        list(journal.events())
        journal.problems()
    assert (written.read_bytes(), sorted(p.name for p in written.parent.iterdir())) == before


def test_a_journal_opened_for_reading_takes_no_event(written):
    with Journal(written, read_only=True) as journal:
        with pytest.raises(JournalError, match=f"event {COUNT + 1} cannot be written: .*readonly"):
            journal.append(RunEnded(ended_at=NOON))
        assert journal.problems() == []


def test_an_event_is_there_for_another_process_before_closing(journal):
    journal.append(ScenarioEnded(name="x"))
    with Journal(journal.path, read_only=True) as other:
        assert [e.name for e in other.events()] == ["x"]


def test_a_missing_file_cannot_be_opened_for_reading(tmp_path):
    with pytest.raises(JournalError, match=r"none\.sqlite: cannot be used as a run journal: "):
        Journal(tmp_path / "none.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_no_database_is_refused_in_one_line_and_left_as_it_is(tmp_path, read_only):
    path = tmp_path / "journal.sqlite"
    path.write_text("This is a letter, not a database. " * 40)
    with pytest.raises(JournalError) as caught:
        Journal(path, read_only=read_only)
    assert str(caught.value).count("\n") == 0
    assert path.read_text().startswith("This is a letter")


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("nonsense", "{}", "event 1 (nonsense) cannot be read: 'nonsense'"),
        ("sanity", '{"when": "never"}', "event 1 (sanity) cannot be read: 4 v"),
    ],
)
def test_an_event_that_fits_no_model_is_named_in_one_line(tmp_path, kind, body, words):
    with Journal(forged(tmp_path, [(1, kind, body, "", "x")]), read_only=True) as journal, pytest.raises(JournalError) as caught:
        list(journal.events())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


STRANGE = {
    "a view without end": "CREATE VIEW events AS WITH RECURSIVE n(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM n) SELECT s AS sequence, '' AS kind, "
    "'' AS body, '' AS previous, '' AS digest FROM n",
    "another table": "CREATE TABLE mine (secret TEXT)",
    "a table of that name": "CREATE TABLE events (sequence, kind, body, previous, digest)",
}


@pytest.mark.parametrize("sql", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_journal_is_neither_read_nor_written(tmp_path, sql, read_only):
    path = tmp_path / "journal.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(sql)
        database.commit()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="it holds other things than the events of a run"):
        Journal(path, read_only=read_only)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["journal.sqlite"]


def test_a_trigger_of_somebody_elses_is_not_run(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER no_update")
        database.execute("CREATE TRIGGER no_update AFTER INSERT ON events BEGIN SELECT 1; END")
        database.commit()
    with pytest.raises(JournalError, match="it holds other things"):
        Journal(path)


def test_a_journal_is_not_written_through_a_link(tmp_path):
    (tmp_path / "victim.db").touch()
    (tmp_path / "journal.sqlite").symlink_to(tmp_path / "victim.db")
    with pytest.raises(JournalError, match="is a link"):
        Journal(tmp_path / "journal.sqlite")
    assert (tmp_path / "victim.db").read_bytes() == b""
