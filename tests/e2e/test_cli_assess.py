"""``hbstan assess`` as a newcomer meets it."""

from __future__ import annotations

import pytest
from command import Command


def test_verdict_argument_and_tables(hbstan: Command) -> None:
    ran = hbstan("assess", "surgical")
    assert ran.out.startswith("surgical: a hierarchical model is worth it\n")
    assert "12 groups with 47 to 810 trials" in ran.out
    assert "58.2%" in ran.out
    assert not ran.err


def test_json_and_files(hbstan: Command) -> None:
    ran = hbstan("assess", "pharma", "--json", "--out", "found")
    record = ran.json
    assert record["verdict"] == "probably worth it"
    assert [row["tau_at"] for row in record["spread"]] == ["lower", "estimate", "upper"]
    assert len(record["groups"]) == 12
    folder = hbstan.folder / "found"
    assert (folder / "assessment.png").stat().st_size > 10_000
    assert '"verdict": "probably worth it"' in (folder / "assessment.json").read_text()
    hbstan("assess", "pharma", "--out", "bare", "--no-figures")
    assert [p.name for p in (hbstan.folder / "bare").iterdir()] == ["assessment.json"]


def test_a_table_with_options(hbstan: Command) -> None:
    path = hbstan.write(
        "arms.csv", "arm,users,clicks\nA,500000,50000\nB,500000,50450\n"
    )
    columns = ("--group", "arm", "--trials", "users", "--events", "clicks")
    ran = hbstan(
        "assess", path, *columns, "--relevant", "0.01", "--scale", "probability"
    )
    assert "a hierarchical model is not worth it" in ran.out
    assert "every standard error is below 0.01" in " ".join(ran.out.split())


def test_observations_and_their_summary_say_the_same(hbstan: Command) -> None:
    rows = [("A", 62), ("A", 60), ("A", 64), ("B", 63), ("B", 67), ("B", 71)]
    text = "".join(f"{diet},{time}\n" for diet, time in rows)
    raw = hbstan.write("raw.csv", f"diet,time\n{text}")
    short = hbstan.write("short.csv", "diet,n,m,s\nA,3,62,2\nB,3,67,4\n")
    value = ("--group", "diet", "--column", "value=time")
    three = ("--group", "diet", "--column", "n=n", "--column", "mean=m")
    first = hbstan("assess", raw, *value, "--json").json
    second = hbstan("assess", short, *three, "--column", "sd=s", "--json").json
    assert first["tau"] == pytest.approx(second["tau"])
    assert first["groups"][0]["se"] == pytest.approx((10 / 3) ** 0.5)
    assert first["size_name"] == "observations"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nothing.csv",), "nothing.csv"),
        (("surgical", "--least-gain", "2"), "least_gain is 2.0"),
        (("raw.csv", "--column", "trials=n"), "'trials' is no role"),
        (("pharma", "--scale", "log-odds"), "scale is 'log-odds'"),
        (("surgical", "--relevant", "-1"), "relevant is -1"),
    ],
)
def test_bad_input(hbstan: Command, args: tuple[str, ...], message: str) -> None:
    ran = hbstan("assess", *args, code=2)
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not ran.out


def test_narrow_screens_keep_numbers_whole(hbstan: Command) -> None:
    ran = hbstan("assess", "streamrec", COLUMNS="80")
    assert "487,320" in ran.out
    assert "0.000624" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_quiet_says_nothing(hbstan: Command) -> None:
    assert not hbstan("assess", "surgical", "--quiet").out
