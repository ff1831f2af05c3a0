"""One suite for the journal's disks: a folder, and the one in memory that tests let fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd.adapters.bus.disk import Disk, FolderDisk
from tests.fakes.disk import FakeDisk


@pytest.fixture(params=["folder", "memory"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return FolderDisk(tmp_path) if request.param == "folder" else FakeDisk()


def test_what_is_written_is_read_in_one_piece(disk: Disk) -> None:
    disk.create("a")
    disk.write("a", b"one ")
    disk.write("a", b"two")
    disk.sync("a")
    disk.close("a")
    assert (disk.read("a"), disk.size("a"), disk.names()) == (b"one two", 7, ["a"])
    assert disk.modified_at("a") >= 0


def test_a_file_made_again_is_empty(disk: Disk) -> None:
    for text in (b"old words", b"new"):
        disk.create("a")
        disk.write("a", text)
    assert disk.read("a") == b"new"
    disk.close("a")


def test_two_files_are_written_side_by_side(disk: Disk) -> None:
    disk.create("a")
    disk.create("b")
    disk.write("a", b"1")
    disk.write("b", b"2")
    disk.write("a", b"3")
    for name in ("a", "b"):
        disk.close(name)
    assert (disk.read("a"), disk.read("b")) == (b"13", b"2")


def test_a_renamed_file_takes_the_place_of_the_other(disk: Disk) -> None:
    for name, text in (("old", b"1"), ("new", b"2")):
        disk.create(name)
        disk.write(name, text)
        disk.close(name)
    disk.rename("new", "old")
    assert (disk.names(), disk.read("old")) == (["old"], b"2")


def test_removing_what_is_not_there_is_no_error(disk: Disk) -> None:
    disk.create("a")
    disk.close("a")
    disk.remove("a")
    disk.remove("a")
    assert disk.names() == []
