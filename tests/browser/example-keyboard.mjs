// The whole page without a mouse: every control can be reached in order and seen, and the focus is never lost.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { PASSWORD, eventually, lists, row, shows, visitor } from "./example.mjs";

const browser = await launch();
const { page, faults } = await visitor(browser);
const press = (key) => page.keyboard.press(key);
const type = (text) => page.keyboard.type(text);
/** What a screen reader says of the focused element, about. */
const focused = () =>
    page.evaluate(() => {
        const labelOf = ({ labels }) =>
            [...(labels?.[0]?.childNodes ?? [])].find((node) => node.textContent.trim())?.textContent;
        const element = document.activeElement;
        // A radio button has no look of its own: the text beside it has the outline.
        const seen = element.type === "radio" ? element.nextElementSibling : element;
        const outlined = getComputedStyle(seen).outlineStyle === "solid" || element.tabIndex < 0;
        const label = element.getAttribute("aria-label") ?? labelOf(element) ?? element.textContent;
        return outlined ? label.trim() : `not visible: ${label}`;
    });
/** Presses Tab until something has the focus. */
async function tabTo(name, key = "Tab") {
    const passed = [];
    for (let presses = 0; presses < 25; presses += 1) {
        await press(key);
        passed.push(await focused());
        if (passed.at(-1) === name) return passed;
    }
    assert.fail(`${name} is not reached: ${passed.join(", ")}`);
}
const focusIs = (name) => eventually(async () => assert.equal(await focused(), name));

await page.getByRole("heading", { name: "Sign in" }).waitFor();
await focusIs("Sign in");
await tabTo("Create an account");
await press("Enter");
await tabTo("E-mail", "Shift+Tab");
await type("alice@example.test");
await press("Tab");
await type(PASSWORD);
await press("Enter");
await shows(page, "0 tasks");
await focusIs("Tasks");

const order = await tabTo("Order");
assert.deepEqual(order, ["Sign out", "New task", "Add", "Add a description", "Search", "All", "Order"]);
await tabTo("New task", "Shift+Tab");
for (const title of ["one", "two", "three"]) {
    await type(title);
    await press("Enter");
    await row(page, title).waitFor();
    await focusIs("New task");
}

// Complete, edit, and give an edit up.
await tabTo("three");
await press("Space");
await page.getByRole("status").filter({ hasText: "“three” is completed." }).waitFor();
await focusIs("three");
await tabTo("Edit “two”");
await press("Enter");
await focusIs("Title");
await press("End");
await type(" and a half");
await press("Enter");
await row(page, "two and a half").waitFor();
await focusIs("Edit “two and a half”");
await press("Enter");
await focusIs("Title");
await type("not this");
await press("Escape");
await focusIs("Edit “two and a half”");

// Delete: the focus stays in the dialog, comes back, and goes on to the next task.
await press("Tab");
await press("Enter");
await page.getByRole("dialog").waitFor();
await press("Escape");
await eventually(async () => assert.equal(await page.getByRole("dialog").count(), 0));
await focusIs("Delete “two and a half”");
await press("Enter");
await page.getByRole("dialog").waitFor();
await tabTo("Delete");
await press("Enter");
await lists(page, ["three", "one"]);
await focusIs("one");

// Filters are radio buttons: arrows choose.
await tabTo("All", "Shift+Tab");
await press("ArrowRight");
await shows(page, "1 pending task");
await press("ArrowRight");
await shows(page, "1 completed task");
await focusIs("Completed");

assert.deepEqual(faults(), []);
await browser.close();
