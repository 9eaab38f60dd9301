// Tokens expire and sessions end while the page is open.

import { strict as assert } from "node:assert";

import { launch } from "./chromium.mjs";
import { adds, fillsIn, row, shows, signedUp } from "./example.mjs";

const browser = await launch();
const { context, page, faults } = await signedUp(browser, "alice@example.test");
const sent = { tokens: 0, statuses: [] };
page.on("response", (response) => {
    if (response.url().endsWith("/api/auth/token")) sent.tokens += 1;
    if (response.url().startsWith(process.env.API) && response.request().method() === "POST")
        sent.statuses.push(response.status());
});

// A token that expires soon is renewed before it is used. Nobody waits here for fifteen minutes: the page's clock jumps.
await page.clock.install();
await adds(page, "before");
assert.equal(sent.tokens, 0);
await page.clock.fastForward("14:30");
await adds(page, "after fourteen minutes");
assert.deepEqual(sent, { tokens: 1, statuses: [201, 201] });

// A token that Rowkeep refuses is renewed once, and the request is sent again. The first request gets an expired token.
const expired = "eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6MX0.AAAA";
const spoil = (route) =>
    route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${expired}` } });
const creates = (url) => url.href.startsWith(process.env.API);
await page.route(creates, spoil, { times: 1 });
await adds(page, "after a refusal");
assert.deepEqual(sent, { tokens: 2, statuses: [201, 201, 401, 201] });

// The session ends: the page asks to sign in, and what was typed is there afterwards.
await context.clearCookies();
await page.clock.fastForward("15:00");
await page.getByRole("textbox", { name: "New task" }).fill("half a thou");
await row(page, "before").getByRole("button", { name: "Edit" }).click();
await page.getByRole("textbox", { name: "Title", exact: true }).fill("before all");
await page.getByRole("button", { name: "Save" }).click();
await page.getByText("Your session has ended.").waitFor();
assert.equal(await page.getByText("after fourteen minutes").isVisible(), false);
await fillsIn(page, "alice@example.test");
await page.getByRole("button", { name: "Sign in", exact: true }).click();
assert.equal(await page.getByRole("textbox", { name: "New task" }).inputValue(), "half a thou");
assert.equal(await page.getByRole("textbox", { name: "Title", exact: true }).inputValue(), "before all");
await page.getByRole("button", { name: "Save" }).click();
await row(page, "before all").waitFor();

// Somebody else signs in instead: nothing is left of the user before.
await context.clearCookies();
await page.clock.fastForward("15:00");
await page.getByRole("textbox", { name: "New task" }).press("Enter");
await page.getByText("Your session has ended.").waitFor();
await page.getByRole("button", { name: "Create an account" }).click();
await fillsIn(page, "bob@example.test");
await page.getByRole("button", { name: "Create the account" }).click();
await shows(page, "0 tasks");
assert.equal(await page.getByRole("textbox", { name: "New task" }).inputValue(), "");
assert.ok(!(await page.content()).includes("before all"));

assert.deepEqual(faults(), []);
await browser.close();
