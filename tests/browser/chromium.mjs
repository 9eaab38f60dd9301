// Chromium without a window, for the scripts beside this file.

import { delimiter, join } from "node:path";
import { accessSync, constants } from "node:fs";

import { chromium } from "playwright-core";

/** The desktop and the phone that pages are looked at with. */
export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** Starts Chromium. Each context of it is a person with cookies and storage of their own. */
export function launch() {
    return chromium.launch({
        executablePath: installed(),
        // Chromium's sandbox needs user namespaces, which root in a container does not have.
        chromiumSandbox: process.getuid() !== 0,
    });
}

/** Collects what a page must not do: uncaught errors, errors in its console, and requests to other hosts than `allowed`. */
export function watch(page, allowed) {
    const faults = [];
    page.on("pageerror", (error) => faults.push(`uncaught: ${error}`));
    page.on("console", (message) => {
        if (message.type() === "error") faults.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (protocol.startsWith("http") && !allowed.includes(origin)) faults.push(`request to ${request.url()}`);
    });
    return faults;
}

function installed() {
    const application = "/Applications/Chromium.app/Contents/MacOS/Chromium";
    const folders = (process.env.PATH ?? "").split(delimiter);
    const names = ["chromium", "chromium-browser", "google-chrome"];
    const found = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), application].find(runs);
    if (!found) throw new Error("Chromium is not installed: `make chromium` installs it");
    return found;
}

function runs(path) {
    try {
        accessSync(path, constants.X_OK);
        return true;
    } catch {
        return false;
    }
}
