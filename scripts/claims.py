"""The ledger: every published number and statement of the claims file beside ours, with a verdict."""

import logging

from kratos.claims.definitions import read_claims
from kratos.claims.ledger import make_ledger
from kratos.config import read_schema
from kratos.files import atomic_path
from kratos.job import job

log = logging.getLogger(__name__)


def main(claims: str, schema: str, output: str) -> None:
    """Judge every claim of the file `claims` from the result files that it names, under the working folder."""
    ledger = make_ledger(read_claims(claims, read_schema(schema)))
    for verdict, count in ledger["verdict"].value_counts().items():
        log.info("%s: %d", verdict, count)
    with atomic_path(output) as part:
        ledger.to_csv(part, index=False, float_format="%.6g")


if "snakemake" in globals():
    smk = globals()["snakemake"]
    with job(smk.log[0], smk.threads):
        main(smk.input.claims, smk.input.schema, smk.output[0])
