"""Files: whole or not at all, and never through a link."""

from __future__ import annotations

import os

import pytest

from mithridate.core.disk import create, mapped, read, streamed, within, write
from mithridate.core.errors import StoreError


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a"
    write(path, [b"one"])
    write(path, [b"tw", b"o"])
    assert read(path, 10) == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    write(path, [b"one"])

    def broken():
        yield b"tw"
        raise StoreError("no more")

    with pytest.raises(StoreError, match="no more"):
        write(path, broken())
    assert read(path, 10) == b"one"
    write(path, [b"three"])
    assert read(path, 10) == b"three"


def test_writing_does_not_follow_a_planted_link(tmp_path):
    (tmp_path / "secret").write_bytes(b"keep")
    (tmp_path / ".a.new").symlink_to(tmp_path / "secret")
    write(tmp_path / "a", [b"new"])
    assert (tmp_path / "secret").read_bytes() == b"keep"


@pytest.mark.parametrize("open_file", [read, mapped, lambda path, most: streamed(path, most).__enter__()])
def test_links_pipes_devices_giants_and_nothing_are_not_read(tmp_path, open_file):
    (tmp_path / "real").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing", "."):
        with pytest.raises(StoreError):
            open_file(tmp_path / name, 10)
    with pytest.raises(StoreError, match="at most 4 are read"):
        open_file(tmp_path / "real", 4)


@pytest.mark.parametrize("part", ["..", ".", "", "a/b", "/etc", "a\\b", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, part):
    with pytest.raises(StoreError, match="not a plain file name"):
        within(tmp_path, part)


def test_a_linked_folder_is_refused(tmp_path):
    (tmp_path / "rounds").symlink_to("/")
    with pytest.raises(StoreError, match="is a link"):
        within(tmp_path, "rounds", "etc")


def test_an_empty_file_can_be_mapped(tmp_path):
    (tmp_path / "a").touch()
    assert mapped(tmp_path / "a", 10) == b""


def test_a_small_file_under_a_vast_cap_needs_little_memory(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read(tmp_path / "a", 2**62) == b"12345"


def test_a_file_is_created_once_and_never_replaced(tmp_path):
    create(tmp_path / "a", b"one")
    with pytest.raises(StoreError, match="File exists"):
        create(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_planted_link_is_not_created_through(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="File exists"):
        create(tmp_path / "a", b"one")
    assert not (tmp_path / "elsewhere").exists()
