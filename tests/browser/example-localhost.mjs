// The page can be opened under both names of this machine.

import { launch } from "./chromium.mjs";
import { PASSWORD, adds, shows } from "./example.mjs";

const { PAGE } = process.env;
const browser = await launch();
const page = await browser.newPage();

await page.goto(`${PAGE.replace("127.0.0.1", "localhost")}/?from=a-note`);

await page.waitForURL(`${PAGE}/?from=a-note`);
await page.getByRole("button", { name: "Create an account" }).click();
await page.getByLabel("E-mail").fill("alice@example.test");
await page.getByLabel("Password").fill(PASSWORD);
await page.getByRole("button", { name: "Create the account" }).click();
await shows(page, "0 tasks");
await adds(page, "it works");
await page.reload();
await shows(page, "1 task");
await browser.close();
