"""Renews the copies of litellm's model table and of tiktoken's vocabularies from the litellm that is installed:
python .ci/renew_tables.py
"""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import json
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "proxy/pruning/limits/data/models.json"
VOCABULARIES = ROOT / "proxy/formats/data"
# What foveate reads of a model's entry
FIELDS = (
    "max_input_tokens",
    "max_output_tokens",
    "max_tokens",
    "input_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
)
# tiktoken's own names of the vocabularies: sha1 of their addresses
NAMES = (
    "fb374d419588a4632f3f557e76b4b70aebbca790",  # o200k_base
    "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",  # cl100k_base
    "ec7223a39ce59f226a68acc30dc1af2788490e15",  # p50k_base
)


def package() -> Path:
    """Return the folder of the installed litellm, which is not imported."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def trimmed(models: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Return the entries that say anything that is read here."""
    kept = {
        name: {field: entry[field] for field in FIELDS if entry.get(field) is not None}
        for name, entry in models.items()
        if name != "sample_spec"
    }
    return {name: entry for name, entry in kept.items() if entry}


def main() -> None:
    """Write the copies."""
    found = package()
    table = json.loads((found / "model_prices_and_context_window_backup.json").read_bytes())
    about = {
        "source": f"litellm {importlib.metadata.version('litellm')}, model_prices_and_context_window_backup.json",
        "copied": datetime.date.today().isoformat(),
        "licence": "MIT, see NOTICE",
    }
    rows = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in trimmed(table).items()
    )
    TABLE.write_text(f'{{"about": {json.dumps(about)},\n"models": {{\n{rows}\n}}}}\n')
    for name in NAMES:
        shutil.copyfile(found / "litellm_core_utils" / "tokenizers" / name, VOCABULARIES / name)


if __name__ == "__main__":
    main()
