// Drives the page /docs of the development server ADDRESS: with the ready token of alice, and with the pasted TOKEN of bob.
// Writes screenshots into the folder PICTURES, if that is set.

import assert from "node:assert/strict";

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { DESKTOP, PHONE, launch, watch } from "./chromium.mjs";

const { ADDRESS, TOKEN, PICTURES } = process.env;
const chromium = await launch();

/** Opens the page as a person who has never seen it, and hands over what it must not do when it is done. */
async function open(options, use) {
    const context = await chromium.newContext(options);
    const page = await context.newPage();
    const faults = watch(page, [ADDRESS]);
    await page.goto(`${ADDRESS}/docs`);
    await page.getByRole("heading", { name: "Rowkeep", exact: true }).waitFor();
    await use(page);
    await context.close();
    return faults;
}

/** Replaces the text of an editor, which puts its example there some time after it appears. */
async function fill(editor, text) {
    while (!(await editor.innerText()).trim()) await sleep(50);
    while ((await editor.innerText()).trim() !== text) {
        await editor.fill(text);
        await sleep(200);
    }
}

/** Sends the request of a route, with this body, and returns the text of the answer. */
async function send(page, method, path, body) {
    const name = new RegExp(`Test Request.*${method} ${path}\\)`, "s");
    await page.getByRole("button", { name }).click();
    const dialog = page.getByRole("dialog");
    if (body) await fill(dialog.locator(".cm-content").first(), JSON.stringify(body));
    await dialog.getByRole("button", { name: /^Send/ }).first().click();
    await dialog.getByText("Response Information").waitFor();
    const text = await dialog.innerText();
    await picture(page, `${method}-${body?.title?.trim() || "none"}`);
    await dialog.getByRole("button", { name: "Close Client" }).click();
    await dialog.waitFor({ state: "hidden" });
    return text;
}

/** What axe finds wrong for people with disabilities. */
async function violations(page) {
    await page.evaluate(readFileSync("node_modules/axe-core/axe.min.js", "utf8"));
    return page.evaluate(async () => {
        const { violations } = await window.axe.run();
        return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
}

async function picture(page, name) {
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

/** Chromium logs every error of an answer, also one that the test asks for. */
function unexpected(faults) {
    return faults.filter((fault) => !fault.includes("the server responded with a status of 422"));
}

const withReadyToken = await open(DESKTOP, async (page) => {
    await page.getByText("you are alice, with a ready token").waitFor();
    await picture(page, "desktop");
    assert.deepEqual(await violations(page), []);

    await page.getByRole("link", { name: /Create a task/ }).first().click();
    await page.getByRole("button", { name: /Test Request.*post \/api\/v1\/tasks\)/s }).waitFor();
    if (PICTURES) await page.waitForTimeout(1000); // until the page has scrolled
    await picture(page, "create");
    const created = await send(page, "post", "/api/v1/tasks", { title: "sent by the page" });
    const refused = await send(page, "post", "/api/v1/tasks", { title: " " });
    await page.getByRole("link", { name: /List tasks/ }).first().click();
    const list = await send(page, "get", "/api/v1/tasks");

    assert.match(created, /201 Created[^]*sent by the page/);
    assert.match(refused, /422[^]*title must not be blank/);
    assert.match(list, /200 OK[^]*sent by the page/);
});
assert.deepEqual(unexpected(withReadyToken), []);

const withPastedToken = await open(DESKTOP, async (page) => {
    await page.getByRole("textbox", { name: /Bearer Token/ }).first().fill(TOKEN);

    await page.getByRole("link", { name: /Create a task/ }).first().click();
    const created = await send(page, "post", "/api/v1/tasks", { title: "a task of bob" });
    await page.getByRole("link", { name: /List tasks/ }).first().click();
    const list = await send(page, "get", "/api/v1/tasks");

    assert.match(created, /201 Created[^]*"user_id": "bob"/);
    assert.match(list, /a task of bob/);
    assert.doesNotMatch(list, /sent by the page/);
});
assert.deepEqual(withPastedToken, []);

for (const [name, options] of [
    ["phone", PHONE],
    ["phone-dark", { ...PHONE, colorScheme: "dark" }],
    ["desktop-dark", { ...DESKTOP, colorScheme: "dark" }],
]) {
    const faults = await open(options, async (page) => {
        await page.getByText("you are alice, with a ready token").waitFor();
        await picture(page, name);
        assert.deepEqual(await violations(page), [], name);
        // Not innerWidth: a phone makes its window as wide as the page.
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= page.viewportSize().width, `${name} is ${width} pixels wide`);
    });
    assert.deepEqual(faults, [], name);
}
await chromium.close();
