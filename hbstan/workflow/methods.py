"""The paragraph and the references that go into a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hbstan.workflow.judgement import Verdict

__all__ = ["bibtex", "paragraph"]

#: Key to entry type and fields.
_REFERENCES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "stan": (
        "article",
        {
            "author": "Carpenter, Bob and Gelman, Andrew and Hoffman, Matthew D. and "
            "Lee, Daniel and Goodrich, Ben and Betancourt, Michael and Brubaker, "
            "Marcus and Guo, Jiqiang and Li, Peter and Riddell, Allen",
            "title": "Stan: A Probabilistic Programming Language",
            "journal": "Journal of Statistical Software",
            "year": "2017",
            "volume": "76",
            "number": "1",
            "doi": "10.18637/jss.v076.i01",
        },
    ),
    "workflow": (
        "misc",
        {
            "author": "Gelman, Andrew and Vehtari, Aki and Simpson, Daniel and "
            "Margossian, Charles C. and Carpenter, Bob and Yao, Yuling and Kennedy, "
            "Lauren and Gabry, Jonah and Buerkner, Paul-Christian and Modrak, Martin",
            "title": "Bayesian Workflow",
            "year": "2020",
            "eprint": "2011.01808",
            "archiveprefix": "arXiv",
        },
    ),
    "sbc": (
        "misc",
        {
            "author": "Talts, Sean and Betancourt, Michael and Simpson, Daniel and "
            "Vehtari, Aki and Gelman, Andrew",
            "title": "Validating Bayesian Inference Algorithms with Simulation-Based "
            "Calibration",
            "year": "2018",
            "eprint": "1804.06788",
            "archiveprefix": "arXiv",
        },
    ),
    "ecdf": (
        "article",
        {
            "author": r"S{\"a}ilynoja, Teemu and B{\"u}rkner, Paul-Christian and "
            "Vehtari, Aki",
            "title": "Graphical test for discrete uniformity and its applications in "
            "goodness-of-fit evaluation and multiple sample comparison",
            "journal": "Statistics and Computing",
            "year": "2022",
            "volume": "32",
            "doi": "10.1007/s11222-022-10090-6",
        },
    ),
    "rhat": (
        "article",
        {
            "author": "Vehtari, Aki and Gelman, Andrew and Simpson, Daniel and "
            r"Carpenter, Bob and B{\"u}rkner, Paul-Christian",
            "title": "Rank-Normalization, Folding, and Localization: An Improved "
            "R-hat for Assessing Convergence of MCMC",
            "journal": "Bayesian Analysis",
            "year": "2021",
            "volume": "16",
            "doi": "10.1214/20-BA1221",
        },
    ),
    "loo": (
        "article",
        {
            "author": "Vehtari, Aki and Gelman, Andrew and Gabry, Jonah",
            "title": "Practical Bayesian model evaluation using leave-one-out "
            "cross-validation and WAIC",
            "journal": "Statistics and Computing",
            "year": "2017",
            "volume": "27",
            "doi": "10.1007/s11222-016-9696-4",
        },
    ),
    "powerscale": (
        "article",
        {
            "author": r"Kallioinen, Noa and Paananen, Topi and B{\"u}rkner, "
            "Paul-Christian and Vehtari, Aki",
            "title": "Detecting and diagnosing prior and likelihood sensitivity with "
            "power-scaling",
            "journal": "Statistics and Computing",
            "year": "2024",
            "volume": "34",
            "doi": "10.1007/s11222-023-10366-5",
        },
    ),
}
_CITED: Mapping[str, str] = {
    "calibration": "simulation-based calibration (Talts et al. 2018) with {n_sims} "
    "simulations, judged by simultaneous bands and tests of uniform ranks "
    "(Säilynoja et al. 2022)",
    "fit": "rank-normalised R-hat and effective sample sizes (Vehtari et al. 2021)",
    "posterior": "posterior predictive checks with replicates of the same and of new "
    "groups",
    "cross_validation": "leave-one-group-out cross-validation (Vehtari et al. 2017), "
    "with refits where importance weights could not be believed",
    "sensitivity": "power-scaling of the priors (Kallioinen et al. 2024), refits with "
    "other priors, and refits without single groups",
}


def paragraph(record: Mapping[str, Any]) -> str:
    """Return the methods paragraph of a workflow.

    Parameters
    ----------
    record : mapping
        The workflow's document, without its methods.
    """
    settings = record["provenance"]["settings"]
    versions = record["provenance"]["versions"]
    reached = {s["stage"] for s in record["stages"]}
    names = ", ".join(
        f"{m['name']} ({m['formula']})" if m.get("formula") else m["name"]
        for m in record["models"]
    )
    n_sims = record["criteria"]["calibration"]["n_sims"]
    done = [t.format(n_sims=n_sims) for s, t in _CITED.items() if s in reached]
    engine = record["provenance"]["backend"]
    engine_version = versions.get("cmdstan", versions.get(engine, ""))
    verdicts = "; ".join(
        f"{m['name']}: {Verdict(m['verdict']).words}" for m in record["models"]
    )
    return (
        f"We fitted hierarchical Bayesian models to {record['data']['groups']} groups "
        f"with hbstan {record['hbstan']}: {names}. Priors are given in the report. "
        f"Posteriors were sampled by Stan's No-U-Turn sampler (Carpenter et al. 2017; "
        f"{engine} {engine_version}) in {settings['chains']} chains of "
        f"{settings['iter_sampling']} draws after {settings['iter_warmup']} warmup "
        f"iterations, seed {record['provenance']['seed']}. Following a Bayesian "
        "workflow (Gelman et al. 2020), with criteria fixed before the first fit, each "
        "model had to pass a prior predictive check"
        + (", " + _listed(done) if done else "")
        + f". Verdicts were {verdicts}."
    )


def bibtex() -> str:
    """Return the references that the paragraph cites, as BibTeX."""
    entries = []
    for key, (kind, fields) in _REFERENCES.items():
        lines = ",\n".join(f"  {name} = {{{text}}}" for name, text in fields.items())
        entries.append(f"@{kind}{{{key},\n{lines}\n}}")
    return "\n\n".join(entries) + "\n"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"
