"""Files that jobs depend on and whose names Snakemake would read as patterns: their content stands for them."""

from orandnet.job.input_files import content_of_others, named_inputs


def test_a_file_is_named_or_stood_for_and_never_both(tmp_path):
    plain, braces = tmp_path / "a b.txt", tmp_path / "{x}.txt"
    assert named_inputs([plain, braces]) == [str(plain)]
    assert content_of_others([plain]) == ""
    assert len(content_of_others([plain, braces])) == 16


def test_what_stands_for_a_file_follows_its_path_and_content_and_not_its_date(tmp_path):
    path, other = tmp_path / "{x}.txt", tmp_path / "{y}.txt"
    absent = content_of_others([path])
    path.write_text("one")
    first = content_of_others([path])
    path.touch()
    assert content_of_others([path]) == first
    path.write_text("two")
    second = content_of_others([path])
    other.write_text("two")
    assert len({absent, first, second, content_of_others([other]), content_of_others([path, other])}) == 5
