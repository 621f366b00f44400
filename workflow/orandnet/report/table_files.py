"""Rows of tables from and to CSV files."""

from pathlib import Path

import pandas

from orandnet.files.atomic import atomic_path
from orandnet.files.places import origin_of
from orandnet.report.tables import KEPT, SAME_PIXELS, Row

PUBLISHED = Path(__file__).parent
# starts of columns that are left out of a table where no row has them
OPTIONAL = ("legacy20_", SAME_PIXELS, "inference", KEPT)
TABLE_COLUMNS = {
    "pseudo_masks": (
        "method,threshold_rule,background_threshold,miou,miou_sd,precision,precision_sd,recall,recall_sd,"
        "legacy20_miou,legacy20_miou_sd,legacy20_precision,legacy20_precision_sd,legacy20_recall,legacy20_recall_sd,"
        "kept,kept_sd,num_seeds,published_miou,published_precision,published_recall"
    ),
    "segmentation": (
        "method,stage,supervision,inference,val,val_sd,legacy20_val,legacy20_val_sd,test,num_seeds,published_val,published_test"
    ),
    "variants": (
        "method,schedule,split,scales,crf,miou,miou_sd,precision,precision_sd,recall,recall_sd,"
        "legacy20_miou,legacy20_miou_sd,legacy20_precision,legacy20_precision_sd,legacy20_recall,legacy20_recall_sd,"
        "num_seeds"
    ),
    "scale_scheduling": (
        "method,baseline,baseline_sd,scale_scheduling,scale_scheduling_sd,scale_same_pixels,scale_same_pixels_sd,"
        "num_seeds,published_baseline,published_scale_scheduling"
    ),
    "members": "method,member,measure,value,value_sd,member_value,member_value_sd,difference,num_seeds,above",
}


def measured_rows(paths: list[Path]) -> list[Row]:
    """Return the rows of evaluations, with what they belong to by their places."""
    return [{**origin_of(path)._asdict(), **row} for path in paths for row in read_rows(path)]


def published(name: str) -> list[Row]:
    """Return what was published for a table."""
    return read_rows(PUBLISHED / f"published_{name}.csv")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV as text."""
    return pandas.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")


def write_table_file(path: Path, table: str, rows: list[Row]) -> None:
    """Write the rows of a table with its columns; those that no row has are left out where they are optional."""
    columns = [
        column
        for column in TABLE_COLUMNS[table].split(",")
        if not column.startswith(OPTIONAL) or any(column in row for row in rows)
    ]
    frame = pandas.DataFrame(rows, columns=columns, dtype=object)
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
