"""Config files: a key twice is refused with its lines, by the package and by the workflow."""

import re

import pytest

from orandnet.config.reading import check_files, read_config


def write(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    return tmp_path / "c.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: a\nrun: b\n", "line 2 has the key 'run' of line 1 again; keep one of the two."),
        ("cam: {power: 1, flip: true, power: 2}\n", "line 1 has the key 'power' of line 1 again"),
        ("a:\n  b: 1\n  c:\n    d: 1\n    d: 1\n", "line 5 has the key 'd' of line 4 again"),
        ("a: [{b: 1, b: 2}]\n", "line 1 has the key 'b' of line 1 again"),
        ('a: 1\n"a": 2\n', "line 2 has the key 'a' of line 1 again"),
        ('{"run": "a", "run": "b"}', "line 1 has the key 'run'"),
        ("a: [\n", "is no YAML, "),
        ("a: !!python/object/apply:os.system [x]\n", "is no YAML, "),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_lines(tmp_path, text, message):
    path = write(tmp_path, text)
    for read in (read_config, lambda path: check_files([path])):
        with pytest.raises(ValueError, match=re.escape(f"{path}: {message}")) as error:
            read(path)
        assert "\n" not in str(error.value)


def test_what_yaml_allows_is_read(tmp_path):
    text = "base: &base {a: 1, b: 2}\nmore: {<<: *base, a: 3}\nother: {a: 1}\n? [x]\n: 1\n".replace("? [x]\n: 1\n", "")
    assert read_config(write(tmp_path, text)) == {"base": {"a": 1, "b": 2}, "more": {"a": 3, "b": 2}, "other": {"a": 1}}
    assert read_config(write(tmp_path, "")) is None
    check_files([tmp_path / "missing.yaml"])  # Snakemake says so
