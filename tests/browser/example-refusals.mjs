// What the server refuses is said beside what was typed, in its own words, and nothing typed is lost.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { adds, calls, fillsIn, row, shows, signedUp, visitor } from "./example.mjs";

const browser = await launch();
const { context, page, faults } = await signedUp(browser, "alice@example.test");
const title = page.getByRole("textbox", { name: "New task" });
/** The error that a screen reader reads with a field. */
const errorOf = async (field) => page.locator(`[id="${await field.getAttribute("aria-describedby")}"]`).textContent();

await title.fill("   ");
await title.press("Enter");
await page.getByText("title must not be blank").waitFor();
assert.equal(await errorOf(title), "title must not be blank");
assert.equal(await title.inputValue(), "   ");

await title.fill("a".repeat(201));
await title.press("Enter");
await page.getByText("title must be 1 to 200 characters long").waitFor();
assert.equal((await title.inputValue()).length, 201);

await title.fill("fits");
await page.getByRole("button", { name: "Add a description" }).click();
const description = page.getByLabel("Description");
await description.fill("d".repeat(1001));
await page.getByRole("button", { name: "Add", exact: true }).click();
await page.getByText("description must be at most 1000 characters long").waitFor();
assert.equal(await errorOf(description), "description must be at most 1000 characters long");
assert.equal(await page.getByText("title must").count(), 0, "the error before is gone");
await description.fill("d".repeat(1000));
await page.getByRole("button", { name: "Add", exact: true }).click();
await shows(page, "1 task");
assert.equal(await title.inputValue(), "");

// The same in place. Somebody else deletes the task meanwhile.
await row(page, "fits").getByRole("button", { name: "Edit" }).click();
await page.getByRole("textbox", { name: "Title", exact: true }).fill(" ");
await page.getByRole("button", { name: "Save" }).click();
await page.getByText("title must not be blank").waitFor();
await page.getByRole("textbox", { name: "Title", exact: true }).fill("edited");
const [task] = await (await calls(context, "GET", "/api/v1/tasks")).json();
await calls(context, "DELETE", `/api/v1/tasks/${task.id}`);
await page.getByRole("button", { name: "Save" }).click();
await page.getByText("You have no task with this id").waitFor();
assert.equal(await page.getByRole("textbox", { name: "Title", exact: true }).inputValue(), "edited");
await page.getByRole("button", { name: "Cancel" }).click();
await row(page, "fits").getByRole("checkbox").click();
await row(page, "fits").getByText("You have no task with this id").waitFor();
assert.equal(await row(page, "fits").getByRole("checkbox").isChecked(), false);

// Text of any script and markup is text.
const hostile = `<img src=x onerror="document.title='hit'"> שלום & \u{1F600}`;
await adds(page, hostile);
assert.equal(await page.title(), "Tasks");

// Better Auth refuses, too.
const other = await visitor(browser);
await fillsIn(other.page, "alice@example.test");
await other.page.getByLabel("Password").fill("not her password");
await other.page.getByRole("button", { name: "Sign in", exact: true }).click();
await other.page.getByRole("alert").filter({ hasText: "Invalid email or password" }).waitFor();
assert.equal(await other.page.getByLabel("E-mail").inputValue(), "alice@example.test");

assert.deepEqual([...faults(), ...other.faults()], []);
await browser.close();
