"""The tree drawn in the docstring of peelian.errors is the tree of the classes."""

from __future__ import annotations

import re

import pytest

from peelian import errors


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Name -> (name of its base, exit code where one is written), as drawn in the docstring."""
    tree: dict[str, tuple[str | None, int | None]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r" {4}(?P<lead>[│├└─ ]*)(?P<name>\w+Error)(?:\s+exit (?P<code>\d+))?\s{2,}\S", line)
        if match is None:
            continue
        depth = len(match["lead"]) // 4
        path[depth:] = [match["name"]]
        tree[match["name"]] = (
            path[depth - 1] if depth else None,
            int(match["code"]) if match["code"] else None,
        )
    return tree


def classes() -> dict[str, type[errors.PeelianError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }


def test_drawn_tree_is_the_tree_of_the_classes() -> None:
    bases = {name: cls.__base__.__name__ for name, cls in classes().items() if cls.__base__ is not None}
    assert {name: base or "Exception" for name, (base, _) in drawn().items()} == bases


def test_exit_codes_are_as_drawn_and_inherited() -> None:
    for name, (base, code) in drawn().items():
        expected = code if code is not None else classes()[str(base)].exit_code
        assert classes()[name].exit_code == expected
    assert [code for _, code in drawn().values() if code is not None] == [1, 2, 3, 4, 5]


def test_everything_public_is_listed() -> None:
    assert errors.__all__ == sorted(errors.__all__)
    assert set(errors.__all__) == set(classes())


def test_all_errors_are_caught_by_the_base() -> None:
    for cls in classes().values():
        with pytest.raises(errors.PeelianError):
            raise cls("something")


def test_message_without_hint() -> None:
    error = errors.DataError("3 rows were given; expected 10")
    assert (str(error), error.message, error.hint) == ("3 rows were given; expected 10",) * 2 + (None,)


def test_hint_is_shown_on_its_own_line() -> None:
    error = errors.CRSError("no CRS was given", hint="--crs EPSG:26915")
    assert str(error) == "no CRS was given\nTry: --crs EPSG:26915"
    assert error.args == ("no CRS was given",)


def test_hint_is_given_by_name_only() -> None:
    arguments = ("message", "hint")
    with pytest.raises(TypeError):
        errors.DataError(*arguments)
