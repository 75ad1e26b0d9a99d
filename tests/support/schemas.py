"""Validate what `sniff check` wrote: schemas.py VENV sarif|junit FILE."""

import json
import sys
from pathlib import Path

venv, form, written = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
if form == "sarif":
    import jsonschema

    schema = next((venv / "npm/node_modules/@microsoft/jest-sarif/lib/schemas").glob("sarif-2.1.0*.json"))
    validator = jsonschema.Draft4Validator(json.loads(schema.read_text()))
    wrong = [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(json.loads(written.read_text()))]
else:
    import xmlschema

    schema = next((venv / "src").glob("pytest-*/testing/example_scripts/junit-10.xsd"))
    wrong = [str(e) for e in xmlschema.XMLSchema(str(schema)).iter_errors(str(written))]
print(*wrong, sep="\n", end="")
sys.exit(bool(wrong))
