"""Writes the SBOM of the release program to the file that is named. deploy/sbom runs it.

The crates are those of `cargo tree`, which knows what is compiled: `cargo metadata` also has crates that only the tests turn on.
"""

import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

TREE = ["cargo", "tree", "--locked", "--edges=normal,build", "--features=jemalloc", "--prefix=depth", "--format=\t{p}\t{l}\t{r}"]


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def host():
    lines = output("rustc", "-vV").splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def component(name, version, licence, repository, checksum):
    kind = ComponentType.LIBRARY if checksum else ComponentType.APPLICATION
    purl = PackageURL("cargo", name=name, version=version)
    made = Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl))
    if licence:
        # Older crates write a slash for "or".
        made.licenses.add(LicenseExpression(" OR ".join(part.strip() for part in licence.split("/"))))
    if checksum:
        made.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=checksum))
    if repository:
        made.external_references.add(ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(repository)))
    return made


def bom():
    lock = tomllib.loads(Path("Cargo.lock").read_text())["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock}
    components, uses, path = {}, {}, []
    for line in output(*TREE, f"--target={host()}").splitlines():
        depth, package, licence, repository = line.split("\t")
        name, version = package.split()[:2]
        key = (name, version.removeprefix("v"))
        if key not in components:
            # A crate that has been shown before ends with "(*)", in the last column.
            components[key] = component(*key, licence, repository.removesuffix(" (*)").strip(), checksums[key])
            uses[key] = set()
        del path[int(depth):]
        if path:
            uses[path[-1]].add(key)
        path.append(key)

    program = components.pop(path[0])
    commit, time = output("git", "log", "-1", "--format=%H %ct").split()
    made = Bom(components=components.values(), serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{program.purl}#{commit}"))
    made.metadata.component = program
    made.metadata.timestamp = datetime.fromtimestamp(int(time), UTC)
    for key, used in uses.items():
        made.register_dependency(components.get(key, program), [components[other] for other in used])
    return made


text = JsonV1Dot6(bom()).output_as_string(indent=2)
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
if problem:
    sys.exit(f"the SBOM is not valid: {problem}")
Path(sys.argv[1]).write_text(text + "\n")
