#!/usr/bin/env python3
"""The packages that are linked into the program: their licences, and a bill of materials.

third_party.py             writes release/THIRD-PARTY.md
third_party.py --check     exit code 1 if that file is not up to date
third_party.py --sbom FILE writes a CycloneDX 1.6 document

Packages are those of `cargo tree --locked` for the targets of deny.toml, with all features; `cargo metadata` knows
their facts. What only builds or tests the program is not among them: build scripts, procedural macros,
dev-dependencies.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from urllib.parse import quote

TOP = Path(__file__).resolve().parent.parent
TABLE = TOP / "release" / "THIRD-PARTY.md"

# Of a choice the first of these is taken.
PREFERRED = ["MIT", "ISC", "BSD-3-Clause", "BSD-2-Clause", "Zlib", "Apache-2.0", "Unicode-3.0", "CDLA-Permissive-2.0"]

# Sources in other languages that a package brings and links: what, its licence, the file of the package with the text.
# A test of the list: every package that `links` a native library is here or in SYSTEM.
BUNDLED = {
    "aws-lc-sys": ("AWS-LC", "ISC AND (Apache-2.0 OR ISC) AND MIT AND BSD-3-Clause", "aws-lc/LICENSE"),
    "libsqlite3-sys": ("SQLite", "public domain (blessing)", None),
    "zstd-sys": ("zstd", "BSD-3-Clause", "zstd/LICENSE"),
}

# Packages that declare `links` and bring no sources of others into the program: why.
SYSTEM = {
    "pcap": "libpcap of the system is linked dynamically",
    "aws-lc-rs": "the key only forbids a second version; aws-lc-sys has the sources",
    "rayon-core": "the key only forbids a second version",
}


def targets():
    return tomllib.loads((TOP / "deny.toml").read_text())["graph"]["targets"]


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--locked", "--all-features"]
    return subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, check=True, text=True).stdout


def metadata():
    """What cargo knows of the packages of a release."""
    platforms = [f"--filter-platform={target}" for target in targets()]
    return json.loads(cargo("metadata", "--format-version=1", *platforms))


def in_a_build():
    """Names and versions of the packages that builds take; the metadata has also what no feature asks for."""
    kinds = ("tree", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}")
    lines = [line for target in targets() for line in cargo(*kinds, f"--target={target}").splitlines()]
    return {(name, version.removeprefix("v")) for name, version, *_ in (line.split() for line in lines if line)}


def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def linked(data):
    """The packages that are linked, without the program itself, and for each package those that it needs."""
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    root, needs, taken = data["resolve"]["root"], {}, in_a_build()
    todo = [root]
    while todo:
        one = todo.pop()
        if one in needs:
            continue
        normal = [dep["pkg"] for dep in nodes[one]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        fits = lambda package: (package["name"], package["version"]) in taken and not is_macro(package)
        needs[one] = sorted(dep for dep in set(normal) if fits(packages[dep]))
        todo += needs[one]
    found = sorted((packages[one] for one in needs if one != root), key=lambda p: (p["name"], p["version"]))
    return packages[root], found, needs


def spdx(package):
    """The licence as an SPDX expression; a slash is an old form of OR."""
    return (package["license"] or "").replace("/", " OR ")


def choices(expression):
    """The licences whose texts are given: for each part of an AND its choices, the preferred one first."""
    parts = [part.strip("() ") for part in re.split(r"\bAND\b(?![^(]*\))", expression)]
    rank = {name: n for n, name in enumerate(PREFERRED)}
    all_choices = [[choice.strip() for choice in re.split(r"\bOR\b", part)] for part in parts]
    return [sorted(one, key=lambda choice: rank.get(choice, len(rank))) for one in all_choices]


# How the files of each licence are called, besides the plain names.
SUFFIX = {"MIT": "MIT", "ISC": "ISC", "Apache-2.0": "APACHE", "Zlib": "ZLIB", "Unicode-3.0": "UNICODE"}
PLAIN = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING", "license", "license.txt"]


def text_of(package, licence):
    """The text of a licence as the package has it, or none."""
    folder = Path(package["manifest_path"]).parent
    suffix = SUFFIX.get(licence, licence.split("-")[0]).upper()
    files = {file.name: file for file in folder.iterdir() if file.is_file()}
    fits = [name for name in sorted(files) if re.match(r"(?i)(licen[sc]e|copying)", name) and suffix in name.upper()]
    for name in fits + [name for name in PLAIN if name in files]:
        return files[name].read_text(encoding="utf-8", errors="replace")
    return None


def tidy(text):
    """The lines without space at their ends, and without empty lines around them."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip("\n")


def add(texts, text, licence, name):
    """One more that has this text."""
    licences, names = texts.setdefault(tidy(text), (set(), set()))
    licences.add(licence)
    names.add(name)


def document(packages):
    """THIRD-PARTY.md: a table, then each text once with the packages that have it."""
    rows, texts, lacking = [], {}, []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        rows.append(f"| {name} | {spdx(package)} | {package['repository'] or ''} |")
        for choice in choices(spdx(package)):
            # A package without the text has that of its repository, if another package has it.
            beside = [one for one in packages if one["repository"] and one["repository"] == package["repository"]]
            found = [(licence, text_of(one, licence)) for one in [package, *beside] for licence in choice]
            licence, text = next(((licence, text) for licence, text in found if text), (choice[0], None))
            if text is None:
                lacking.append(f"{name}: {licence}, by {', '.join(package['authors']) or 'its authors'}")
            else:
                add(texts, text, licence, name)
    bundled = []
    for package in packages:
        if package["name"] in BUNDLED:
            what, licence, file = BUNDLED[package["name"]]
            bundled.append(f"| {what}, in {package['name']} {package['version']} | {licence} |")
            if file is not None:
                text = (Path(package["manifest_path"]).parent / file).read_text(encoding="utf-8", errors="replace")
                add(texts, text, licence, what)
    out = [
        "# Software of others in `sniff`",
        "",
        "Made by `python3 release/third_party.py` from Cargo.lock; do not edit. It lists what is linked into the program",
        "on any target of deny.toml with all features, and gives the text of each licence under which it is used here.",
        "",
        "| package | licence | source |",
        "|---|---|---|",
        *rows,
        "",
        "Sources in C that packages bring:",
        "",
        "| what | licence |",
        "|---|---|",
        *bundled,
        "",
        "libpcap (BSD-3-Clause) is the system's, linked dynamically by builds with live capture.",
    ]
    if lacking:
        lines = [f"- {line}" for line in lacking]
        out += ["", "These packages have no file with the text; their manifests name the licence:", "", *lines]
    for text, (licences, names) in sorted(texts.items(), key=lambda item: (sorted(item[1][0]), sorted(item[1][1]))):
        fence = "```"
        while fence in text:
            fence += "`"
        title = f"## {', '.join(sorted(licences))}"
        out += ["", title, "", f"{', '.join(sorted(names))}:", "", fence + "text", text, fence]
    return "\n".join(out) + "\n"


def checksums():
    lock = tomllib.loads((TOP / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def purl(package):
    return f"pkg:cargo/{package['name']}@{quote(package['version'], safe='')}"


def component(package, sums):
    """A package in the words of CycloneDX."""
    kind = "application" if package["name"] == "sniff" else "library"
    out = {"type": kind, "bom-ref": purl(package), "name": package["name"], "version": package["version"]}
    if package["description"]:
        out["description"] = " ".join(package["description"].split())
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        out["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if spdx(package):
        out["licenses"] = [{"expression": spdx(package)}]
    out["purl"] = purl(package)
    if package["repository"]:
        out["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return out


def sbom(root, packages, needs, all_packages):
    """A CycloneDX document. Equal inputs give equal bytes: its number comes from Cargo.lock."""
    sums = checksums()
    lock = hashlib.sha256((TOP / "Cargo.lock").read_bytes()).hexdigest()
    number = uuid.uuid5(uuid.NAMESPACE_URL, f"sniff {root['version']} {lock}")
    by_id = {package["id"]: package for package in all_packages}
    dependencies = [
        {"ref": purl(by_id[one]), "dependsOn": sorted(purl(by_id[dep]) for dep in deps)} for one, deps in needs.items()
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"component": component(root, sums)},
        "components": [component(package, sums) for package in packages],
        "dependencies": sorted(dependencies, key=lambda dependency: dependency["ref"]),
    }


def unknown_natives(packages):
    """Packages that link a native library of which nothing is known here."""
    names = [package["name"] for package in packages if package["links"]]
    return [name for name in names if name not in BUNDLED and name not in SYSTEM]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare THIRD-PARTY.md with what it should be")
    parser.add_argument("--sbom", metavar="FILE", help="write a CycloneDX document to this file, and nothing else")
    args = parser.parse_args()
    data = metadata()
    root, packages, needs = linked(data)
    unknown = unknown_natives(packages)
    if unknown:
        sys.exit(f"third_party.py: say in BUNDLED or SYSTEM what these link: {', '.join(unknown)}")
    if args.sbom:
        text = json.dumps(sbom(root, packages, needs, data["packages"]), indent=1, ensure_ascii=False)
        Path(args.sbom).write_text(text + "\n", encoding="utf-8")
        return
    text = document(packages)
    if not args.check:
        TABLE.write_text(text, encoding="utf-8")
    elif not TABLE.is_file() or TABLE.read_text(encoding="utf-8") != text:
        sys.exit("release/THIRD-PARTY.md is not up to date: run python3 release/third_party.py")


if __name__ == "__main__":
    main()
