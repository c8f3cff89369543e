"""The numbers of a trunk: what it follows, in the order of the log."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from blackroad.core.log.entry import Positions
from blackroad.core.names import is_pattern
from blackroad.core.topics import Topics


@dataclass(slots=True, eq=False)
class Number:
    """A followed topic and a label; `members` counts the subscriptions that it serves.

    Nobody belongs to it before the place `since`.
    """

    number: int
    topic: str
    label: str
    since: Positions
    members: int = 0


class Numbers:
    """Takes numbers for topics, and finds those that an event is for.

    A number without members is *former*: events from before may wait to be sent again.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], Number] = {}
        self._of_topic: dict[str, list[Number]] = {}
        self._patterns: Topics[Number] = Topics()
        self._former: list[Number] = []
        self._last = 0

    def __iter__(self) -> Iterator[Number]:
        yield from self._numbers.values()
        yield from self._former

    @property
    def topics(self) -> Iterable[str]:
        """The topics that have members."""
        return self._of_topic.keys()

    def of(self, topic: str) -> list[int]:
        """Return the numbers of a topic that have members."""
        return [number.number for number in self._of_topic.get(topic, ())]

    def take(self, topic: str, label: str, since: Positions) -> Number:
        """Return the number of a topic under a label, with one member more from a place on."""
        number = self._numbers.get((topic, label))
        if number is None:
            self._last += 1
            number = self._numbers[topic, label] = Number(self._last, topic, label, since)
            self._of_topic.setdefault(topic, []).append(number)
            if is_pattern(topic):
                self._patterns.add(topic, number)
        elif reached(number.since, since):
            number.since = since
        number.members += 1
        return number

    def drop(self, topic: str, label: str) -> Number:
        """Return the number of a topic under a label, with one member less."""
        number = self._numbers[topic, label]
        number.members -= 1
        if not number.members:
            del self._numbers[topic, label]
            self._of_topic[topic].remove(number)
            if not self._of_topic[topic]:
                del self._of_topic[topic]
            if is_pattern(topic):
                self._patterns.remove(topic, number)
            self._former.append(number)
        return number

    def forget_former(self) -> None:
        """Take that nothing from before is sent again."""
        self._former.clear()

    def followed(self, after: Positions) -> list[str]:
        """Return the topics that somebody followed after a place."""
        return list({one.topic: None for one in self if reached(after, one.since)})

    def match(self, key: str, *, private: bool) -> list[int]:
        """Return the numbers that an event of a channel is for; a private one's by name only."""
        found = self.of(key)
        if not private:
            found += [number.number for number in self._patterns.match(key)]
        if self._former:
            found += [one.number for one in self._matching_former(key, private=private)]
        return found

    def _matching_former(self, key: str, *, private: bool) -> list[Number]:
        former: Topics[Number] = Topics()
        for number in self._former:
            if number.topic == key or (is_pattern(number.topic) and not private):
                former.add(number.topic, number)
        return former.match(key)


def reached(one: Positions, other: Positions) -> bool:
    """Tell whether a place is at or after another one."""
    return all(a >= b for a, b in zip(one, other, strict=True))
