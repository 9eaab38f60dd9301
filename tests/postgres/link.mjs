// Makes the links between shared libraries that the packages of PostgreSQL's programs would make by a script of their
// own when they are installed, and says so where npm has left one of the packages out.

import { existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const { optionalDependencies } = JSON.parse(readFileSync("package.json"));
const platform = `-${process.platform}-${process.arch}`;
const fitting = Object.keys(optionalDependencies).filter((name) => name.endsWith(platform));

for (const name of fitting) {
    const folder = join("node_modules", name);
    if (!existsSync(folder)) {
        // npm takes an optional package that it cannot fetch for one that is not wanted, and is content.
        rmSync("node_modules/.package-lock.json", { force: true });
        console.error(`npm could not fetch ${name}: try again`);
        process.exit(1);
    }
    for (const { source, target } of JSON.parse(readFileSync(join(folder, "native/pg-symlinks.json")))) {
        if (dirname(source) !== dirname(target)) throw new Error(`${name}: ${target} is not beside ${source}`);
        if (!existsSync(join(folder, target))) symlinkSync(basename(source), join(folder, target));
    }
}
