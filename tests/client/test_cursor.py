"""What is told twice after a reconnect, and how a start is written: no server needed."""
import datetime

import pytest

import vser
from vser import convert, cursor


def event(number, second=0):
    return vser.Event(0, second * 10**9, vser.Online("x"), number)


def given(log, *events):
    return [item.number for one in events for item in log.accept(one)]


def test_repeated_events_are_told_by_their_number_whatever_the_clock_did():
    log = cursor.LogCursor()
    log.resume(0)
    assert given(log, event(7, 1000), event(8, 1001)) == [7, 8]

    log.resume(0)
    assert given(log, event(7, 1000), event(8, 1001), event(9, 5), event(10, 5)) == [9, 10]


def test_the_numbers_of_another_log_begin_again():
    log = cursor.LogCursor()
    log.resume(0)
    assert given(log, event(100)) == [100]
    log.restart(0)
    assert given(log, event(1)) == [1]


def test_without_numbers_the_times_tell():
    log = cursor.LogCursor()
    log.resume(0)
    assert given(log, event(0, 1), event(0, 2)) == [0, 0]
    log.resume(0)
    assert given(log, event(0, 1), event(0, 2), event(0, 3)) == [0]


def test_an_age_is_left_to_the_server():
    start = convert.start_point(datetime.timedelta(minutes=5, milliseconds=1))
    assert start.WhichOneof("start") == "age"
    assert (start.age.seconds, start.age.nanos) == (300, 1_000_000)


@pytest.mark.parametrize("start", [datetime.timedelta(seconds=-1), "yesterday", None, 1.5])
def test_what_is_no_start_is_refused_where_it_was_given(start):
    with pytest.raises(ValueError):
        convert.start_point(start)


def test_a_message_shows_no_character_that_moves_the_cursor_or_turns_text_around():
    import grpc

    error = vser.VserError(grpc.StatusCode.UNKNOWN, "a\u202eb\x9b2J\n \u00fc")
    assert str(error) == "UNKNOWN: a\\u202eb\\x9b2J\\n \u00fc"
    assert error.message == "a\u202eb\x9b2J\n \u00fc"
