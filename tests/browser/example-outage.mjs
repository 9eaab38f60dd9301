// The database goes away and comes back while the page is open. DATABASE stops and starts it.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { adds, lists, shows, signedUp } from "./example.mjs";

const database = async (what) => assert.equal((await fetch(`${process.env.DATABASE}/${what}`)).status, 204);
const browser = await launch();
const { page, faults } = await signedUp(browser, "alice@example.test");
await adds(page, "before");
const banner = page.getByRole("alert").filter({ hasText: "Nothing was changed" });
const title = page.getByRole("textbox", { name: "New task" });

await database("stops");
await title.fill("during");
await title.press("Enter");
await banner.waitFor();
assert.equal(await title.inputValue(), "during");
await lists(page, ["before"]);

await database("starts");
await banner.getByRole("button", { name: "Try again" }).click();
await lists(page, ["during", "before"]);
assert.equal(await title.inputValue(), "");
assert.equal(await banner.count(), 0);

// A page that is opened meanwhile loads its list when the database is back, without a click.
await database("stops");
await page.reload();
await banner.waitFor();
await database("starts");
await shows(page, "2 tasks");
await lists(page, ["during", "before"]);
assert.equal(await banner.count(), 0);

assert.deepEqual(faults(), []);
await browser.close();
