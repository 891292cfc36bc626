"""The command as a newcomer meets it: output, files, messages, exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from command import SECONDS, Command, Ran, interruptible

import hbstan as hb

SHORT = ("--iter-warmup", "300", "--iter-sampling", "500", "--seed", "1")
LONG = ("--iter-sampling", "2000", "--seed", "2")
EIGHT = ("fit", "eight_schools_noncentered", "eight_schools", *SHORT)
BINOMIAL = ("fit", "logit_noncentered")
SURGICAL = ("fit", "logit_noncentered", "surgical", "--seed", "42")
COMMANDS = ("doctor", "models", "datasets", "compile", "fit", "check")
COMMANDS += ("install-cmdstan",)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

CONJUGATE = """
data { int<lower=0> N; vector[N] y; }
parameters { real m; }
model { m ~ normal(0, 10); y ~ normal(m, 1); }
"""
THROWS = """
data { int<lower=0> N; }
parameters { real x; }
model { x ~ std_normal(); reject("deliberate failure"); }
"""
SYNTAX = "parameters { real x; }\nmodel { x ~ std_normal() }\n"
PRINTS = """
data { int<lower=0> N; }
transformed data { print("printed by the program"); }
parameters { vector[N] x; }
model { x ~ std_normal(); }
"""
LABELS = (
    *("مستشفى القدس", "🏥 ward", "<script>alert(1)</script>", "[bold]x[/]"),
    *("$x$ and $y_1$", "Żółć & Söhne"),
)


def assert_clean(ran: Ran) -> None:
    """No traceback, no control characters: this output goes to files and logs."""
    text = ran.out + ran.err
    assert "Traceback" not in text
    assert not CONTROL.findall(text), text


def hospital_csv(command: Command, labels: tuple[str, ...] = LABELS) -> str:
    counts = [(18, 148), (8, 119), (46, 810), (8, 211), (13, 196), (9, 148)]
    rows = [f'"{g}",{n},{r}' for g, (r, n) in zip(labels, counts, strict=True)]
    return command.write("ops.csv", "\n".join(["hospital,n,r", *rows, ""]))


# What is there


def test_version(hbstan: Command) -> None:
    assert hbstan.process("--version").out == f"hbstan {hb.__version__}\n"


def test_no_arguments_show_the_commands(hbstan: Command) -> None:
    ran = hbstan(code=2)
    assert all(name in ran.out + ran.err for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(hbstan: Command, command: str) -> None:
    ran = hbstan(command, "--help")
    assert f"Usage: hbstan {command}" in ran.out
    assert not ran.err
    assert_clean(ran)


def test_doctor(hbstan: Command) -> None:
    ran = hbstan("doctor")
    assert "--backend auto takes stanli." in ran.out
    assert "hbstan install-cmdstan" in ran.out
    assert not ran.err
    assert_clean(ran)


def test_doctor_json(hbstan: Command) -> None:
    ran = hbstan("doctor", "--json")
    record = ran.json
    outcome = {check["name"]: check["outcome"] for check in record["checks"]}
    assert record["auto_backend"] == "stanli"
    assert outcome["stanli"] == outcome["python"] == outcome["packages"] == "pass"
    assert outcome["cmdstan"] == "not_run"


def test_doctor_agrees_with_fit_on_a_wrong_cmdstan(hbstan: Command) -> None:
    wrong = {"CMDSTAN": str(hbstan.folder / "nothing")}
    ran = hbstan("doctor", code=3, **wrong)
    assert "--backend auto fails" in ran.out
    assert "unset CMDSTAN" in ran.out
    assert_clean(ran)
    assert hbstan("doctor", "--json", code=3, **wrong).json["auto_backend"] is None
    assert "unset CMDSTAN" in hbstan(*EIGHT, code=3, **wrong).err
    hbstan(*EIGHT, "--backend", "stanli", **wrong)


def test_install_names_the_folder_option(hbstan: Command) -> None:
    ran = hbstan("install-cmdstan", "--dir", "/proc/x", code=3)
    assert "/proc/x cannot be written" in ran.err
    assert "--dir" in ran.err
    assert "HBSTAN_CACHE" not in ran.err
    assert_clean(ran)


def test_doctor_names_an_unwritable_cache(hbstan: Command) -> None:
    hbstan.write("file", "")
    below = str(hbstan.folder / "file" / "cache")
    ran = hbstan("doctor", "--json", HBSTAN_CACHE=below)
    (cache,) = (c for c in ran.json["checks"] if c["name"] == "cache")
    assert cache["outcome"] == "fail"
    assert below in cache["detail"]
    assert "HBSTAN_CACHE" in cache["advice"]


def test_doctor_without_compiler(hbstan: Command) -> None:
    record = hbstan("doctor", "--json", PATH=str(hbstan.folder)).json
    outcome = {check["name"]: check for check in record["checks"]}
    for tool in ("compiler", "make"):
        assert outcome[tool]["outcome"] == "not_run"
        assert "apt install g++ make" in outcome[tool]["advice"]
    assert record["auto_backend"] == "stanli"


def test_models(hbstan: Command) -> None:
    assert [m["name"] for m in hbstan("models", "--json").json] == list(
        hb.models.names()
    )
    ran = hbstan("models")
    assert all(name in ran.out for name in hb.models.names())
    assert_clean(ran)


def test_one_model(hbstan: Command) -> None:
    ran = hbstan("models", "logit_noncentered")
    assert "theta_j = mu + tau * z_j" in ran.out
    assert "logit_noncentered.stan" in ran.out.replace("\n", "")
    record = hbstan("models", "logit_noncentered", "--json").json
    assert {"mu", "tau"} <= {p["name"] for p in record["parameters"]}


def test_datasets(hbstan: Command) -> None:
    names = [d["name"] for d in hbstan("datasets", "--json").json]
    assert names == list(hb.datasets.names())
    record = hbstan("datasets", "surgical", "--json").json
    assert sum(record["data"]["n"]) == 2814
    assert sum(record["data"]["y"]) == 208
    assert "208 deaths in 2,814 operations" in hbstan("datasets", "surgical").out


# Fits


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, bare_env: dict[str, str]) -> Path:
    """Return a folder with one fit of the surgical data, its files and output."""
    folder = tmp_path_factory.mktemp("kept")
    ran = Command(folder, bare_env)(*SURGICAL, "--out", "res", "--json")
    (folder / "out.json").write_text(ran.out, encoding="utf-8")
    (folder / "err.txt").write_text(ran.err, encoding="utf-8")
    return folder


def test_fit_json_is_all_of_standard_output(kept: Path) -> None:
    record = json.loads((kept / "out.json").read_text(encoding="utf-8"))
    assert record["backend"] == "stanli"
    assert record["seed"] == 42
    # A long run: mu -2.559 (0.161), tau 0.446 (0.163). An ESS above 1000 puts the
    # Monte Carlo error of both below 0.005.
    assert record["posterior"]["mu"]["mean"] == pytest.approx(-2.559, abs=0.025)
    assert record["posterior"]["tau"]["mean"] == pytest.approx(0.446, abs=0.025)
    assert record["diagnostics"]["outcome"] == "pass"
    assert len(record["groups"]) == 12
    assert record["priors"]["tau"]["origin"] == "source of the dataset"
    text = (kept / "err.txt").read_text(encoding="utf-8")
    assert "All checks passed" in text
    assert_clean(Ran(0, "", text))


def test_fit_writes_whole_files(kept: Path) -> None:
    files = {path.name for path in (kept / "res").iterdir()}
    figures = {"trace.png", "ranks.png", "forest.png"}
    assert files == {"fit.nc", "diagnostics.json", *figures}
    for name in figures:
        pixels = matplotlib.image.imread(kept / "res" / name)
        assert min(pixels.shape[:2]) > 300
        assert np.ptp(pixels[..., :3]) > 0.5
    record = json.loads((kept / "out.json").read_text(encoding="utf-8"))
    assert {str(Path("res") / name) for name in files} == set(record["files"])


def test_check_agrees_with_the_fit(
    kept: Path, bare_env: dict[str, str], tmp_path: Path
) -> None:
    path = str(kept / "res" / "fit.nc")
    check = ("check", path, "--draws-only", "--json")
    again = Command(tmp_path, bare_env)(*check).json["diagnostics"]
    saved = (kept / "res" / "diagnostics.json").read_text(encoding="utf-8")
    record = json.loads((kept / "out.json").read_text(encoding="utf-8"))
    assert again == json.loads(saved) == record["diagnostics"]


def test_a_seed_is_reproduced(hbstan: Command) -> None:
    first, second = (hbstan(*EIGHT, "--json").json for _ in range(2))
    assert first["posterior"] == second["posterior"]
    other = hbstan(*EIGHT[:-1], "2", "--json").json
    assert first["posterior"] != other["posterior"]


def test_failed_gate_exits_1(hbstan: Command) -> None:
    args = ("eight_schools_centered", "eight_schools", "--adapt-delta", "0.8")
    out = ("--out", "res", "--no-figures")
    ran = hbstan("fit", *args, "--seed", "1", *out, code=1)
    assert "do not use these draws" in ran.out
    assert "non-centered" in ran.out
    assert_clean(ran)
    ran = hbstan("check", "res/fit.nc", "--draws-only", code=1)
    assert ran.out.count("FAIL") >= 2


def test_one_chain_vouches_for_nothing(hbstan: Command) -> None:
    ran = hbstan(*EIGHT, "--chains", "1", "--out", "res", code=1)
    assert "not run" in ran.out
    assert "at least 2 chains" in ran.out
    figures = {path.name for path in (hbstan.folder / "res").glob("*.png")}
    assert figures == {"trace.png", "forest.png"}  # ranks compare chains


def test_quiet_says_nothing_on_success(hbstan: Command) -> None:
    ran = hbstan(*SURGICAL, "--quiet", "--out", "res", "--no-figures")
    assert (ran.out, ran.err) == ("", "")
    assert (hbstan.folder / "res" / "fit.nc").is_file()
    ran = hbstan("fit", "NOPE", "surgical", "--quiet", code=2)
    assert "NOPE" in ran.err


def test_own_csv_with_labels_of_all_kinds(hbstan: Command) -> None:
    columns = ("--group", "hospital", "--trials", "n", "--events", "r")
    file = hospital_csv(hbstan)
    ran = hbstan(*BINOMIAL, file, *columns, *LONG, "--out", "res")
    assert all(label in ran.out for label in LABELS)
    # Only the emoji is not in matplotlib's own font, which is said once.
    assert ran.err == "The figures' font lacks 🏥: drawn as boxes.\n"
    assert_clean(ran)
    few = ("--iter-sampling", "100", "--out", "quiet", "--quiet")
    assert not hbstan(*BINOMIAL, file, *columns, *few, code=None).err
    assert (hbstan.folder / "res" / "forest.png").stat().st_size > 10_000
    tree = hb.Fit.load(hbstan.folder / "res" / "fit.nc").tree
    assert tuple(tree["posterior"]["group"].values) == LABELS


def test_columns_are_found_by_their_names(hbstan: Command) -> None:
    file = hospital_csv(hbstan, tuple("ABCDEF"))
    record = hbstan(*BINOMIAL, file, *LONG, "--json").json
    assert [row["group"] for row in record["groups"]] == list("ABCDEF")


def test_priors_say_where_they_come_from(hbstan: Command) -> None:
    file = hospital_csv(hbstan, tuple("ABCDEF"))
    prior = ("--prior", "tau=HalfNormal(0.5)")
    given = hbstan(*BINOMIAL, file, *prior, *LONG).out
    assert re.search(r"^tau +HalfNormal\(0.5\) +given *$", given, re.M)
    assert re.search(r"^mu +Normal\(0, 1.5\) +default: ", given, re.M)
    assert re.search(r"^tau .*source of the dataset", hbstan(*EIGHT).out, re.M)


def test_own_program_with_stan_json(hbstan: Command) -> None:
    hbstan.write("my.stan", CONJUGATE)
    hbstan.write("my.json", json.dumps({"N": 3, "y": [1.0, 2.0, 3.5]}))
    record = hbstan("fit", "my.stan", "my.json", "--seed", "1", "--json").json
    # Conjugate: precision 3 + 1/100, mean 6.5 / 3.01, sd 0.576; ESS above 1000.
    assert record["posterior"]["m"]["mean"] == pytest.approx(6.5 / 3.01, abs=0.07)
    assert record["posterior"]["m"]["sd"] == pytest.approx(3.01**-0.5, rel=0.1)


def test_a_programs_prints_stay_out_of_the_json(hbstan: Command) -> None:
    hbstan.write("prints.stan", PRINTS)
    hbstan.write("n.json", '{"N": 2}')
    ran = hbstan.process("fit", "prints.stan", "n.json", *SHORT, "--json")
    assert ran.json["model"] == "prints"
    assert "printed by the program" in ran.err


@pytest.mark.parametrize("width", [80, 200])
def test_tables_fit_the_screen(hbstan: Command, width: int) -> None:
    ran = hbstan(*SURGICAL, COLUMNS=str(width))
    assert max(map(len, ran.out.splitlines())) <= width
    rows = {line.split("  ")[0]: line for line in ran.out.splitlines()}
    assert rows["Transitions at maximum treedepth"].rstrip().split()[4] == "0"
    assert re.search(r"R-hat, rank-normalized +\d\.\d{3} +< 1.01 +pass", ran.out)
    assert re.search(r"size, bulk +\d{3,} +>= 100 per chain +pass", ran.out)
    assert re.search(r"^A +0 +47 +0\.000 +0\.0\d\d ", ran.out, re.M)
    assert "…" not in ran.out
    assert not re.search(r"\d{6}", ran.out)  # kappa has a heavy tail


# Bad input


OPTION = ("fit", "logit_noncentered", "surgical")
HEAD = "hospital,n,r\n"
BAD_INPUT = {
    "unknown model": (("fit", "logit_noncenterd", "surgical"), "'logit_noncentered'?"),
    "unknown model, no near one": (("models", "NOPE"), "eight_schools_centered"),
    "near model": (("models", "logit_centred"), "Did you mean 'logit_centered'?"),
    "unknown dataset": ((*BINOMIAL, "surgica"), "Did you mean 'surgical'?"),
    "unknown dataset, listed": (("datasets", "surgica"), "surgical"),
    "no such file": ((*BINOMIAL, "nope.csv"), "nope.csv does not exist"),
    "no such program": (("fit", "nope.stan", "surgical"), "nope.stan"),
    "data of the wrong kind": (
        ("fit", "eight_schools_centered", "surgical"),
        "binomial data",
    ),
    "prior that is no call": ((*OPTION, "--prior", "tau=Foo"), "'Foo' is not a prior"),
    "prior without name": ((*OPTION, "--prior", "HalfCauchy(1)"), "PARAMETER="),
    "prior of unknown family": ((*OPTION, "--prior", "tau=Foo(1)"), "HalfCauchy"),
    "prior with a word": ((*OPTION, "--prior", "tau=HalfNormal(x)"), "numbers"),
    "prior of wrong support": (
        (*OPTION, "--prior", "tau=Normal(0,1)"),
        "positive half-line",
    ),
    "prior given twice": (
        (*OPTION, "--prior", "tau=HalfNormal(1)", "--prior", "tau=HalfCauchy(1)"),
        "given twice for tau: HalfNormal(1) and HalfCauchy(1)",
    ),
    "prior of no parameter": ((*OPTION, "--prior", "ta=HalfNormal(1)"), "mu, tau"),
    "adapt-delta": ((*OPTION, "--adapt-delta", "2"), "between 0 and 1"),
    "option": ((*OPTION, "--nope"), "No such option: --nope"),
    "command": (("nope",), "No such command 'nope'"),
    "no arguments": (("fit",), "Missing argument"),
    "backend": ((*OPTION, "--backend", "jags"), "'stanli'"),
    "chains": ((*OPTION, "--chains", "0"), "from 1 to"),
    "warmup": ((*OPTION, "--iter-sampling", "0"), "iter_sampling is 0"),
    "seed in words": ((*OPTION, "--seed", "x"), "--seed"),
    "negative seed": ((*OPTION, "--seed", "-1"), "from 0 to 4294967295"),
    "large seed": ((*OPTION, "--seed", str(2**32)), "from 0 to 4294967295"),
    "no fit": (("check", "nope.nc"), "there is no file 'nope.nc'"),
    "out is a file": ((*OPTION, "--out", "file"), "--out is 'file'"),
    "out below a file": ((*OPTION, "--out", "file/res"), "--out is 'file/res'"),
    "corrupt fit": (("check", "file"), "'file' is not a netCDF file"),
    "JSON for the catalogue": ((*BINOMIAL, "n.json"), "CSV or Parquet"),
    "columns of JSON": (("fit", "my.stan", "n.json", "--group", "g"), "--group"),
    "data the program lacks": (("fit", "my.stan", "n.json"), "data block"),
}
BAD_CSV = {
    "missing column": (HEAD + "A,9,1\n", ("--group", "hosptal"), "mean 'hospital'?"),
    "events exceed trials": (HEAD + "A,10,11\nB,9,1\n", (), "11 events exceed 10"),
    "semicolons": ("hospital;n;r\nA;10;1\n", (), "separated by semicolons"),
    "a word": (HEAD + "A,10,many\nB,9,1\n", (), "'many'"),
    "a gap": (HEAD + "A,10,\nB,9,1\n", (), "'r'"),
    "a label twice": (HEAD + "A,10,1\nA,9,1\n", (), "'A'"),
    "columns in doubt": ("a,b,c\nA,10,1\n", (), "--trials"),
    "nothing": ("", (), "is empty"),
    "a header only": (HEAD, (), "ops.csv"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(hbstan: Command, case: str) -> None:
    hbstan.write("file", "neither a fit nor a folder")
    hbstan.write("my.stan", CONJUGATE)
    hbstan.write("n.json", '{"M": 2}')
    args, words = BAD_INPUT[case]
    ran = hbstan(*args, code=2)
    assert words in ran.err
    assert not ran.out
    assert_clean(ran)


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_table(hbstan: Command, case: str) -> None:
    text, options, words = BAD_CSV[case]
    file = hbstan.write("ops.csv", text)
    ran = hbstan(*BINOMIAL, file, *options, "--json", code=2)
    assert words in ran.err
    assert not ran.out
    assert_clean(ran)


def test_a_foreign_netcdf_file_is_no_fit(hbstan: Command) -> None:
    import xarray as xr

    path = hbstan.folder / "other.nc"
    xr.Dataset({"x": ("i", [1.0, 2.0])}).to_netcdf(path, engine="h5netcdf")
    ran = hbstan("check", "other.nc", code=2)
    assert "not a saved fit" in ran.err
    assert_clean(ran)


@pytest.mark.parametrize("where", ["before", "after"])
def test_debug_shows_where(hbstan: Command, where: str) -> None:
    args = [*OPTION, "--adapt-delta", "2"]
    args.insert(0 if where == "before" else len(args), "--debug")
    ran = hbstan(*args, code=2)
    assert "Traceback" in ran.err
    assert "adapt_delta is 2.0" in ran.err


# Failures of the engine


@pytest.mark.parametrize(
    ("program", "words"),
    [(THROWS, "deliberate failure"), (SYNTAX, "line 2")],
    ids=["throws", "syntax"],
)
def test_failing_program(hbstan: Command, program: str, words: str) -> None:
    hbstan.write("bad.stan", program)
    hbstan.write("n.json", '{"N": 2}')
    ran = hbstan("fit", "bad.stan", "n.json", "--out", "res", "--json", code=3)
    assert "bad" in ran.err
    assert words in ran.err
    assert not ran.out
    assert not list((hbstan.folder / "res").iterdir())
    assert_clean(ran)


def test_compile(hbstan: Command) -> None:
    hbstan.write("good.stan", CONJUGATE)
    assert "stanli needs no executable" in hbstan("compile", "good.stan").out
    hbstan.write("bad.stan", SYNTAX)
    ran = hbstan("compile", "bad.stan", code=3)
    assert "bad.stan', line 2" in ran.err
    assert_clean(ran)


@pytest.mark.parametrize("command", [EIGHT, ("compile", "logit_noncentered")])
def test_cmdstan_where_none_is(hbstan: Command, command: tuple[str, ...]) -> None:
    ran = hbstan(*command, "--backend", "cmdstan", code=3)
    assert "hbstan install-cmdstan" in ran.err
    assert_clean(ran)


@pytest.mark.slow
def test_cmdstan_where_it_is(with_cmdstan: Command) -> None:
    assert with_cmdstan("doctor", "--json").json["auto_backend"] == "cmdstan"
    # Compiling is announced in a log; sampling is no step to wait for. Other tests
    # may have compiled the program before.
    said = with_cmdstan(*SURGICAL).err
    assert said in ("", "compiling logit_noncentered.stan\n")
    ran = with_cmdstan(*SURGICAL, "--json")
    assert "compiling" not in ran.err
    assert ran.json["backend"] == "cmdstan"
    assert ran.json["posterior"]["mu"]["mean"] == pytest.approx(-2.559, abs=0.025)
    assert_clean(ran)


def test_too_large_a_run_names_the_memory(hbstan: Command) -> None:
    hbstan.write("prints.stan", PRINTS)
    hbstan.write("n.json", '{"N": 100000}')
    long = ("--iter-sampling", "1000000000")
    ran = hbstan("fit", "prints.stan", "n.json", *long, code=3)
    assert "not enough memory" in ran.err
    assert "--iter-sampling" in ran.err
    assert_clean(ran)


# Interruptions


def test_interrupt_ends_a_long_fit(hbstan: Command) -> None:
    hbstan.write("prints.stan", PRINTS)
    hbstan.write("n.json", '{"N": 20}')
    args = hbstan.argv("fit", "prints.stan", "n.json", "--iter-warmup", "2000000")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        args,
        cwd=hbstan.folder,
        env=hbstan.env,
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=interruptible,
    ) as process:
        assert process.stderr is not None
        # Data are transformed right before the chains start.
        assert process.stderr.readline() == "printed by the program\n"
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 128 + signal.SIGINT
    assert_clean(Ran(process.returncode, out, err))


@pytest.mark.parametrize(
    "args",
    [("models",), ("models", "--json"), ("datasets", "surgical"), ("--help",)],
    ids=" ".join,
)
def test_closed_pipe(hbstan: Command, args: tuple[str, ...]) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        hbstan.argv(*args), cwd=hbstan.folder, env=hbstan.env, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read().decode()
        process.wait(timeout=SECONDS)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_lost_output_is_no_success(hbstan: Command) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            hbstan.argv("models", "--json"),
            cwd=hbstan.folder,
            env=hbstan.env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 3
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
