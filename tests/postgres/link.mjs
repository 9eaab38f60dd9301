// Creates the links between the shared libraries of the PostgreSQL packages. Their install scripts would do that, but no
// script of a package runs here. Fails when npm did not install one of the packages.

import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const { optionalDependencies } = JSON.parse(readFileSync("package.json"));
const platform = `-${process.platform}-${process.arch}`;
const fitting = Object.keys(optionalDependencies).filter((name) => name.endsWith(platform));

for (const name of fitting) {
    const folder = join("node_modules", name);
    if (!existsSync(folder)) {
        // npm reports success when it cannot fetch an optional package. Without this file it tries again.
        rmSync("node_modules/.package-lock.json", { force: true });
        console.error(`npm could not fetch ${name}: try again`);
        process.exit(1);
    }
    for (const { source, target } of JSON.parse(readFileSync(join(folder, "native/pg-symlinks.json")))) {
        if (dirname(source) !== dirname(target)) throw new Error(`${name}: ${target} is not beside ${source}`);
        if (!existsSync(join(folder, target))) symlinkSync(basename(source), join(folder, target));
    }
}
