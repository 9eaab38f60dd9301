// Two people in two browsers: neither sees a task of the other, nor learns whether an id exists.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { adds, calls, lists, row, shows, signedUp } from "./example.mjs";

const browser = await launch();
const alice = await signedUp(browser, "alice@example.test");
const bob = await signedUp(browser, "bob@example.test");

await adds(alice.page, "call the bank");
await adds(bob.page, "call the doctor");

for (const [person, own] of [
    [alice, "call the bank"],
    [bob, "call the doctor"],
]) {
    const { page } = person;
    await page.reload();
    await lists(page, [own]);
    await page.getByLabel("Search").fill("call");
    await shows(page, "1 task with “call”");
    await lists(page, [own]);
}

const [hers] = await (await calls(alice.context, "GET", "/api/v1/tasks")).json();
const missing = await (await calls(bob.context, "GET", "/api/v1/tasks/9007199254740991")).text();
for (const [method, path, body] of [
    ["GET", `/api/v1/tasks/${hers.id}`],
    ["PATCH", `/api/v1/tasks/${hers.id}`, { title: "mine" }],
    ["PATCH", `/api/v1/tasks/${hers.id}/toggle`],
    ["DELETE", `/api/v1/tasks/${hers.id}`],
]) {
    const answer = await calls(bob.context, method, path, body);
    assert.equal(answer.status, 404, `${method} ${path}`);
    assert.equal(await answer.text(), missing, `${method} ${path}`);
}
await alice.page.reload();
await lists(alice.page, ["call the bank"]);

// The next person at the same browser finds nothing of the one before.
await row(alice.page, "call the bank").waitFor();
await alice.page.getByRole("button", { name: "Sign out" }).click();
await alice.page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
assert.ok(!(await alice.page.content()).includes("call the bank"));
assert.deepEqual([...alice.faults(), ...bob.faults()], []);
await browser.close();
