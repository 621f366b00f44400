"""CSV files of people: every cell is read, or the line is named."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orandnet.dataset.table import read_table
from orandnet.dataset.text import read_text, text_lines

HEAD = "image_id,labels,split\n"
PLAIN = [{"image_id": "a1", "labels": "cat;dog", "split": "train"}, {"image_id": "a2", "labels": "", "split": "val"}]


def rows_of(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, needed=("image_id", "labels"), optional=("split", "image"))


@pytest.mark.parametrize(
    "content",
    [
        "image_id,labels,split\na1,cat;dog,train\na2,,val\n",
        "image_id,labels,split\r\na1,cat;dog,train\r\na2,,val\r\n",
        "image_id,labels,split\ra1,cat;dog,train\ra2,,val",
        'image_id, labels , split\n a1 , "cat;dog" ,train\na2,, val\n'.replace('" ,', '",'),
        '"image_id","labels","split"\n"a1","cat;dog","train"\n"a2","","val"\n',
        "image_id\tlabels\tsplit\na1\tcat;dog\ttrain\na2\t\tval\n",
        'image_id;labels;split\na1;"cat;dog";train\na2;;val\n',
        "image_id,labels,split,,\na1,cat;dog,train,,\n,,,,\na2,,val,,,\n\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_one_table_in_its_usual_forms(tmp_path, content, encoding):
    rows = rows_of(tmp_path / "t.csv", content.encode(encoding))
    assert [row.cells for row in rows] == PLAIN


def test_big_endian_text_is_read_by_its_mark(tmp_path):
    (tmp_path / "t").write_bytes(b"\xfe\xff" + "é\n".encode("utf-16-be"))
    assert read_text(tmp_path / "t") == "é\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD + "a1,cat,train\na3,cat,dog,train\n", "line 3 has 4 cells, 'a3,cat,dog,train', the header 3; write one "),
        ("image_id,labels\na3,cat,dog\n", "line 2 has 3 cells, 'a3,cat,dog', the header 2; "),
        ("image_id;labels\na3;cat;dog\n", "line 2 has 3 cells, 'a3;cat;dog', the header 2; write one semicolon"),
        ("image_id\tlabels\na3\tcat\tdog\n", "line 2 has 3 cells"),
        (HEAD + "a1,cat\n", "line 2 has 2 cells, 'a1,cat', the header 3; "),
        (HEAD + 'a1,"cat,train\na2,dog,val\n', "line 2 cannot be read (unexpected end of data); close its quotes"),
        (HEAD + 'a1,"cat,train\na2,"dog",val\n', "line 2 cannot be read ("),
        (HEAD + 'a1,"cat\na2",dog\n', "line 2 has a cell that goes on over the next line, 'cat\\na2'; close its"),
        (HEAD + 'a1,"ca"t,train\n', "line 2 cannot be read ("),
        (HEAD + f"a1,cat,train\na2,{'x' * 140_000},train\n", "line 3 cannot be read (field larger than field limit"),
        (HEAD + "a1,cat,train\nimage_id,labels,split\n", "line 3 is the header once more; remove the line."),
        ("image_id,labels,labels\na1,cat,dog\n", "has the column 'labels' twice; keep one."),
        ("image_id,labels,Split\na1,cat,val\n", "has the column 'Split'; rename it to 'split'."),
        ("Image ID,labels\na1,cat\n", "has the column 'Image ID'; rename it to 'image_id'."),
        ("a1,cat\na2,dog\n", "has the columns ['a1', 'cat']; it needs image_id and labels, with commas"),
        ("", "has the columns []; it needs image_id and labels"),
        ("image_id labels\na1 cat\n", "has the columns ['image_id labels']; it needs"),
        (
            HEAD.encode() + b"a1,k\xe4t,train\n",
            "line 2 is no UTF-8 text (byte 0xe4), perhaps Latin-1 or cp1252; save it",
        ),
        (
            (HEAD + "a1,cat,train\n").encode("utf-16-le"),
            "line 1 holds a zero byte, as UTF-16 without a byte order mark",
        ),
        (HEAD.encode() + b"a1,c\0at,train\n", "line 2 holds a zero byte"),
        ("image_id,labels\na1,cat\n".encode("utf-16")[:-1], "is no UTF-16-LE text"),
    ],
)
def test_what_is_not_sure_is_refused_with_its_line(tmp_path, content, message):
    path = tmp_path / "t.csv"
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        rows_of(path, content)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)


cell = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=8).map(str.strip)


@given(st.lists(st.tuples(cell.filter(bool), cell, cell), max_size=5), st.sampled_from(",;\t"))
def test_what_a_program_writes_is_read_back(tmp_path_factory, written, separator):
    def quoted(text):
        return '"' + text.replace('"', '""') + '"'

    lines = [("image_id", "labels", "note"), *written]
    text = "".join(separator.join(map(quoted, line)) + "\n" for line in lines)
    path = tmp_path_factory.mktemp("t") / "t.csv"
    if ("image_id", "labels", "note") in written:
        return
    assert [tuple(row.cells.values()) for row in rows_of(path, text)] == written


@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    said = f"{path}: "
    try:
        rows_of(path, b"image_id,labels\n" + content)
    except ValueError as error:
        said = str(error)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said


def test_lines_end_where_editors_end_them():
    assert text_lines("a\r\nb\rc\n\x1cd\u2028e") == ["a", "b", "c", "\x1cd\u2028e"]
