"""The drawing of the rules shows the rules there are; needs no graphviz."""

import pytest

from checkout import ROOT
from rulegraph import Graph, drawn_graph, instructions, legible, printed_graph

PRINTED = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
\t0[label = "all", color = "0.65 0.6 0.85", style="rounded"];
\t1[label = "train", color = "0.62 0.6 0.85", style="rounded"];
\t2[label = "dataset_images", color = "0.62 0.6 0.85", style="rounded"];
\t1 -> 0
\t2 -> 1
}"""


def test_what_snakemake_prints_is_read():
    graph = printed_graph(PRINTED)
    assert graph == Graph({"all", "train", "dataset_images"}, {("train", "all"), ("dataset_images", "train")})
    assert legible(graph) == Graph(graph.rules, {("train", "all")})
    with pytest.raises(ValueError, match="no rules on standard input"):
        printed_graph("")


def test_rules_and_arrows_are_drawn_in_alphabetical_order():
    names = {f"rule_{number}" for number in range(20)}
    lines = instructions(Graph(names, {(name, other) for name in names for other in names})).splitlines()
    for kind, number in (("->", 400), ("fillcolor", 20)):
        drawn = [line for line in lines if line.startswith("rule_") and kind in line]
        assert drawn == sorted(drawn)
        assert len(drawn) == number


@pytest.mark.pipeline
def test_the_drawing_shows_the_rules_there_are(fresh):
    printed = fresh.run("--configfile", "config.yaml", "--rulegraph")
    drawn = drawn_graph((ROOT / "images/rulegraph.svg").read_text())
    assert len(drawn.rules) > 20
    assert drawn == legible(printed_graph(printed)), "make rulegraph draws it anew"


def test_the_document_shows_the_drawing():
    assert "../images/rulegraph.svg" in (ROOT / "docs/architecture.md").read_text()
