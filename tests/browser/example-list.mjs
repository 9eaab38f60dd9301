// The list and the heading above it stay true while tasks are added, completed and edited.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { adds, creates, eventually, lists, row, shows, signedUp } from "./example.mjs";

const browser = await launch();
const { context, page, faults } = await signedUp(browser, "alice@example.test");
const title = page.getByRole("textbox", { name: "New task" });
const search = page.getByLabel("Search");
const filter = (name) => page.getByRole("radio", { name }).check();
const says = (text) => page.getByRole("status").filter({ hasText: text }).waitFor();
await creates(context, [
    ...Array.from({ length: 23 }, (_, index) => ({ title: `task ${index + 1}` })),
    { title: "milk one" },
]);
await page.reload();
await shows(page, "24 tasks");

// A new task that the search finds is in the list. One that it does not find is not.
await search.fill("MILK");
await shows(page, "1 task with “MILK”");
await adds(page, "milk two");
await shows(page, "2 tasks with “MILK”");
await lists(page, ["milk two", "milk one"]);
await title.fill("bread");
await title.press("Enter");
await says("Added “bread”. It is not in the list that you see.");
await lists(page, ["milk two", "milk one"]);

// Neither is a task that is not found any more after an edit.
await row(page, "milk two").getByRole("button", { name: "Edit" }).click();
await page.getByRole("textbox", { name: "Title", exact: true }).fill("butter");
await page.getByRole("button", { name: "Save" }).click();
await shows(page, "1 task with “MILK”");
await lists(page, ["milk one"]);
await search.fill("");
await shows(page, "26 tasks");

// A new task has its place in another order.
await page.getByLabel("Order").selectOption("By title");
await page.getByRole("listitem").first().getByText("bread").waitFor();
await adds(page, "apples");
await page.getByRole("listitem").first().getByText("apples").waitFor();
await page.getByLabel("Order").selectOption("Newest first");
await page.getByRole("listitem").first().getByText("apples").waitFor();

// A completed task stays in the list of pending tasks, until it loads again, but is not counted.
await filter("Pending");
await shows(page, "27 pending tasks");
await row(page, "bread").getByRole("checkbox").check();
await shows(page, "26 pending tasks");
await page.getByText("19 of 26 are shown.").waitFor();
await row(page, "bread").getByRole("checkbox").uncheck();
await shows(page, "27 pending tasks");
await row(page, "bread").getByRole("checkbox").check();
await shows(page, "26 pending tasks");
await row(page, "bread").getByRole("button", { name: "Delete" }).click();
await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
await says("Deleted “bread”.");
await shows(page, "26 pending tasks");

// An answer that is older than a change does not undo it. Answers come late, as over a slow network.
let late = [];
await page.route(/\/api\/v1\/tasks\?/, async (route) => {
    const answer = await route.fetch();
    await new Promise((go) => late.push(go));
    await route.fulfill({ response: answer }).catch(() => {}); // the page can have given the request up
});
const arrived = (count) => eventually(async () => assert.equal(late.length, count));
const answer = () => late.splice(0).forEach((go) => go());

await filter("All");
await arrived(1);
await title.fill("meanwhile");
await title.press("Enter");
await arrived(2);
answer();
await row(page, "meanwhile").waitFor();
await shows(page, "27 tasks");

await filter("Pending");
await arrived(1);
await row(page, "meanwhile").getByRole("checkbox").check();
await says("“meanwhile” is completed.");
answer();
await arrived(1);
answer();
await shows(page, "26 pending tasks");
assert.equal(await row(page, "meanwhile").count(), 0);

assert.deepEqual(faults(), []);
await browser.close();
