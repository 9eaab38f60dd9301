// What the scripts about the page of examples/web share. PAGE, API and AUTH are the addresses of its three servers.

import { strict as assert } from "node:assert";

import axe from "axe-core";

import { DESKTOP, watch } from "./chromium.mjs";

const { PAGE, API, AUTH } = process.env;
export const PASSWORD = "correct horse battery";

/** A person with a browser of their own, who has signed up. `faults` holds what the page must not do. */
export async function signedUp(browser, email, options = DESKTOP) {
    const person = await visitor(browser, options);
    const { page } = person;
    await page.getByRole("button", { name: "Create an account" }).click();
    await fillsIn(page, email);
    await page.getByRole("button", { name: "Create the account" }).click();
    await shows(page, "0 tasks");
    return person;
}

/** A person who has opened the page. */
export async function visitor(browser, options = DESKTOP) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const all = watch(page, [PAGE, API, AUTH]);
    // Chromium reports every answer with an error status, also where the page deals with it.
    const faults = () => all.filter((fault) => !fault.includes("Failed to load resource"));
    await page.goto(PAGE);
    return { context, page, faults };
}

export async function fillsIn(page, email) {
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(PASSWORD);
}

/** Waits for the heading above the list, which says how many tasks there are. */
export async function shows(page, heading) {
    await page.getByRole("heading", { level: 2, name: heading, exact: true }).waitFor();
}

export async function adds(page, title) {
    await page.getByRole("textbox", { name: "New task" }).fill(title);
    await page.getByRole("textbox", { name: "New task" }).press("Enter");
    await row(page, title).waitFor();
}

/** The list item of a task. */
export function row(page, title) {
    return page.getByRole("listitem").filter({ has: page.getByRole("checkbox", { name: title, exact: true }) });
}

/** The titles in the list, from top to bottom. */
export function titles(page) {
    return page.getByRole("listitem").locator("label").allTextContents();
}

/** Waits until the list has these titles. */
export async function lists(page, wanted) {
    await eventually(async () => assert.deepEqual(await titles(page), wanted));
}

/** Repeats a check until it holds, for ten seconds. */
export async function eventually(check) {
    for (const end = Date.now() + 10_000; ; await new Promise((wake) => setTimeout(wake, 50))) {
        try {
            return await check();
        } catch (error) {
            if (Date.now() > end) throw error;
        }
    }
}

/** Sends a request to Rowkeep as the person of a browser context. */
export async function calls(context, method, path, body) {
    const { token } = await (await context.request.get(`${AUTH}/api/auth/token`)).json();
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    return fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
}

/** Creates tasks without the page, the first one first. */
export async function creates(context, tasks) {
    const created = [];
    for (const task of tasks) {
        const answer = await calls(context, "POST", "/api/v1/tasks", task);
        assert.equal(answer.status, 201);
        created.push(await answer.json());
    }
    return created;
}

/** Fails if axe-core finds something in the page as it is now, or if the page is wider than its window. */
export async function isAccessible(page, state) {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map(
        ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join("\n  ")}`,
    );
    assert.deepEqual(found, [], state);
    // Not innerWidth: a phone makes its window as wide as the page.
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= page.viewportSize().width, `${state}: the page is ${width} px wide`);
}
