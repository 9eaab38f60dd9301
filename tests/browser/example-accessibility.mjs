// axe-core finds nothing, in any state of the page, light and dark, on DEVICE: desktop, phone or narrow.
// With SCREENSHOTS, a directory, every state is also kept as a picture.

import { join } from "node:path";

import { DESKTOP, PHONE, launch } from "./chromium.mjs";
import { adds, creates, fillsIn, isAccessible, row, shows, signedUp, visitor } from "./example.mjs";

const { DEVICE, SCREENSHOTS } = process.env;
const devices = { desktop: DESKTOP, phone: PHONE, narrow: { viewport: { width: 320, height: 640 } } };
const browser = await launch();

for (const colorScheme of ["light", "dark"]) {
    const locale = { locale: "en-GB", timezoneId: "Europe/London" };
    await everyState(
        { ...devices[DEVICE], ...locale, colorScheme, reducedMotion: "reduce" },
        `${DEVICE}-${colorScheme}`,
    );
}
await browser.close();

async function everyState(settings, name) {
    const check = async (page, state) => {
        await isAccessible(page, `${name}: ${state}`);
        if (SCREENSHOTS) {
            const path = join(SCREENSHOTS, `${name}-${state}.png`);
            await page.screenshot({ path, fullPage: true });
        }
    };

    const stranger = await visitor(browser, settings);
    await stranger.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await check(stranger.page, "sign-in");
    await fillsIn(stranger.page, "nobody@example.test");
    await stranger.page.getByRole("button", { name: "Sign in", exact: true }).click();
    await stranger.page.getByRole("alert").waitFor();
    await check(stranger.page, "sign-in-refused");
    await stranger.page.route(/get-session/, (route) => route.abort());
    await stranger.page.reload();
    await stranger.page.getByRole("alert").filter({ hasText: "The sign-in server cannot be reached" }).waitFor();
    await check(stranger.page, "no-sign-in");
    await stranger.page.unroute(/get-session/);
    await stranger.page.getByRole("button", { name: "Try again" }).click();
    await stranger.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await stranger.context.close();

    const { context, page } = await signedUp(browser, `${name}@example.test`, settings);
    await page.getByText("You have no tasks yet.").waitFor();
    await check(page, "empty");

    await creates(context, [
        ...Array.from({ length: 16 }, (_, index) => ({
            title: `Water the plants, week ${index + 1}`,
            completed: index % 3 === 0,
        })),
        { title: "Donaudampfschifffahrtsgesellschaftskapitän".repeat(4) },
        { title: "לקנות חלב", description: "שני ליטרים" },
        { title: "Write the report", description: "A long story. ".repeat(71) },
        { title: "Book the train to Kraków", description: "Window seat, before 9:00" },
        { title: "Buy milk", completed: true },
        { title: "Call the dentist" },
    ]);
    // The answer to the first request comes late, so that the list is still loading.
    let answer;
    const held = new Promise((go) => (answer = go));
    await page.route(/\/api\/v1\/tasks\?/, async (route) => {
        await held;
        await route.continue();
    });
    await page.reload();
    await page.getByRole("heading", { name: "Loading your tasks…" }).waitFor();
    await check(page, "loading");
    answer();
    await shows(page, "22 tasks");
    await page.unroute(/\/api\/v1\/tasks\?/);
    await check(page, "list");

    await page.getByRole("textbox", { name: "New task" }).fill(" ");
    await page.getByRole("button", { name: "Add a description" }).click();
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByText("title must not be blank").waitFor();
    await row(page, "Book the train to Kraków").getByRole("button", { name: "Edit" }).click();
    await page.getByRole("form", { name: /^Edit/ }).getByLabel("Description").fill("x".repeat(1001));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("description must be at most").waitFor();
    await check(page, "refused");
    await page.getByRole("button", { name: "Cancel" }).click();

    await row(page, "Write the report").getByRole("button", { name: "Show all of it" }).click();
    await row(page, "Call the dentist").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").waitFor();
    await check(page, "delete");
    await page.keyboard.press("Escape");
    await adds(page, "W".repeat(200));
    await row(page, "W".repeat(200)).getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").waitFor();
    await check(page, "delete-long");
    await page.keyboard.press("Escape");

    await page.getByLabel("Search").fill("nothing like it");
    await page.getByText("No task fits.").waitFor();
    await check(page, "nothing-found");

    await page.route(/\/api\/v1\/tasks\?/, (route) => route.abort());
    await page.getByRole("radio", { name: "Completed" }).check();
    await page.getByRole("alert").filter({ hasText: "Nothing was changed" }).waitFor();
    await check(page, "unreachable");
    await page.unroute(/\/api\/v1\/tasks\?/);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByLabel("Search").fill("");
    await shows(page, "7 completed tasks");
    await page.getByRole("radio", { name: "All" }).check();

    await page.route(/\/api\/v1\/tasks$/, (route) =>
        route.request().method() === "POST" ? route.abort() : route.continue(),
    );
    await page.getByRole("textbox", { name: "New task" }).fill("lost on the way");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("button", { name: "Reload the list" }).waitFor();
    await check(page, "unknown");
    await page.unroute(/\/api\/v1\/tasks$/);
    await page.getByRole("button", { name: "Reload the list" }).click();
    await adds(page, "arrived");
    await context.close();
}
