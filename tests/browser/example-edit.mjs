// Saving an edit changes what was typed, and nothing that a form cannot show.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { calls, creates, row, shows, signedUp } from "./example.mjs";

const browser = await launch();
const { context, page, faults } = await signedUp(browser, "alice@example.test");
const draft = { title: "line\nbreak title", description: "a\r\nb\rc" };
const [created] = await creates(context, [draft]);
const stored = async () => {
    const { title, description } = await (await calls(context, "GET", `/api/v1/tasks/${created.id}`)).json();
    return { title, description };
};
const edit = () => page.getByRole("listitem").getByRole("button", { name: /^Edit/ }).click();
const save = async () => {
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("form", { name: /^Edit/ }).waitFor({ state: "detached" });
};
await page.reload();
await shows(page, "1 task");

await edit();
await save();
assert.deepEqual(await stored(), draft);

await edit();
await page.getByLabel("Description").fill("one\ntwo");
await save();
assert.deepEqual(await stored(), { ...draft, description: "one\ntwo" });

await edit();
await page.getByRole("textbox", { name: "Title", exact: true }).fill("one line");
await save();
await row(page, "one line").waitFor();
assert.deepEqual(await stored(), { title: "one line", description: "one\ntwo" });

assert.deepEqual(faults(), []);
await browser.close();
