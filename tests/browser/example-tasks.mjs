// Everything that a person does with tasks, with a mouse.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { adds, calls, creates, lists, row, shows, signedUp, titles } from "./example.mjs";

const browser = await launch();
const { context, page, faults } = await signedUp(browser, "alice@example.test");
const stored = async () => (await calls(context, "GET", "/api/v1/tasks?limit=1000")).json();

// Pages.
await creates(
    context,
    Array.from({ length: 45 }, (_, index) => ({ title: `task ${index + 1}` })),
);
await page.reload();
await shows(page, "45 tasks");
assert.equal((await titles(page)).length, 20);
const more = page.getByRole("button", { name: "Show more" });
await more.click();
await page.getByRole("checkbox", { name: "task 6", exact: true }).waitFor();
await more.click();
await lists(
    page,
    Array.from({ length: 45 }, (_, index) => `task ${45 - index}`),
);
assert.equal(await more.count(), 0);

// Create, edit in place, complete.
await page.getByRole("button", { name: "Add a description" }).click();
await page.getByLabel("Description").fill("two litres\nof oat milk");
await adds(page, "buy milk");
await shows(page, "46 tasks");
await row(page, "buy milk").getByText("of oat milk").waitFor();
await row(page, "buy milk").getByRole("button", { name: "Edit" }).click();
await page.getByRole("textbox", { name: "Title", exact: true }).fill("buy oat milk");
await page.getByRole("button", { name: "Save" }).click();
await row(page, "buy oat milk").getByRole("checkbox").check();
await page.getByRole("status").filter({ hasText: "“buy oat milk” is completed." }).waitFor();
let [task] = await stored();
assert.deepEqual([task.title, task.description, task.completed], ["buy oat milk", "two litres\nof oat milk", true]);

// An emptied description is none.
await row(page, "buy oat milk").getByRole("button", { name: "Edit" }).click();
await page.getByLabel("Description").fill("");
await page.getByRole("button", { name: "Save" }).click();
await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
[task] = await stored();
assert.equal(task.description, null);

// Filters, search and order.
await page.getByRole("radio", { name: "Completed" }).check();
await shows(page, "1 completed task");
await page.getByRole("radio", { name: "Pending" }).check();
await shows(page, "45 pending tasks");
await page.getByLabel("Search").fill("TASK 4");
await shows(page, "7 pending tasks with “TASK 4”");
await page.getByLabel("Order").selectOption("Oldest first");
await lists(page, ["task 4", ...Array.from({ length: 6 }, (_, index) => `task ${40 + index}`)]);
await page.getByLabel("Search").fill("nothing like it");
await page.getByRole("button", { name: "Show all tasks" }).click();
await shows(page, "46 tasks");
assert.equal(await page.getByLabel("Search").inputValue(), "");

// A new task that the filter hides is not shown, and the page says so.
await page.getByRole("radio", { name: "Completed" }).check();
await shows(page, "1 completed task");
await page.getByRole("textbox", { name: "New task" }).fill("hidden");
await page.getByRole("textbox", { name: "New task" }).press("Enter");
await page.getByRole("status").filter({ hasText: "Added “hidden”. It is not in the list that you see." }).waitFor();
await lists(page, ["buy oat milk"]);

// Delete, after a second thought.
const remove = row(page, "buy oat milk").getByRole("button", { name: "Delete" });
await remove.click();
await page.getByRole("dialog").getByRole("button", { name: "Keep it" }).click();
await remove.click();
await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
await shows(page, "0 completed tasks");
assert.ok(!(await stored()).some(({ title }) => title === "buy oat milk"));

assert.deepEqual(faults(), []);
await browser.close();
