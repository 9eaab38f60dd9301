// Draws the dashboard deploy/grafana/rowkeep.json without Grafana: sends its queries to the Prometheus at PROMETHEUS, for the
// last MINUTES, and writes the picture PICTURE. It knows the panels, units and options that this dashboard uses, and stops at
// others. Fails if a panel, other than those named in EMPTY, has nothing to draw.

import assert from "node:assert/strict";

import { readFileSync } from "node:fs";

import { launch, watch } from "./chromium.mjs";

const { PROMETHEUS, PICTURE, MINUTES = "15", EMPTY = "" } = process.env;
const dashboard = JSON.parse(readFileSync("../../deploy/grafana/rowkeep.json", "utf8"));
const end = Date.now() / 1000;
const start = end - Number(MINUTES) * 60;
const step = Math.max(1, Math.round((end - start) / 300));

async function ask(path, parameters) {
    const answer = await (await fetch(`${PROMETHEUS}/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
    assert.equal(answer.status, "success", JSON.stringify(answer));
    return answer.data.result;
}

/** As Grafana does: $__rate_interval is four times the time between two scrapes, and at least the step. */
function withValues(expression) {
    const interval = `${Math.max(step, Number(process.env.SCRAPE_INTERVAL ?? 2) * 4)}s`;
    const values = { $__rate_interval: interval, $job: "rowkeep", $instance: ".*" };
    return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(name, value), expression);
}

function legend(target, labels) {
    return (target.legendFormat ?? "").replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? "");
}

/** The series of a panel on one axis of time. Missing values are null. */
async function data(panel) {
    const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, at) => start + at * step);
    const series = [];
    for (const target of panel.targets) {
        const expression = withValues(target.expr);
        if (target.instant) {
            for (const { metric, value } of await ask("query", { query: expression, time: end }))
                series.push({ labels: metric, values: [Number(value[1])] });
            continue;
        }
        for (const { metric, values } of await ask("query_range", { query: expression, start, end, step })) {
            const known = new Map(values.map(([time, value]) => [Math.round(time - start), Number(value)]));
            const points = times.map((time) => known.get(Math.round(time - start)) ?? null);
            series.push({ name: legend(target, metric), values: points.map((v) => (Number.isFinite(v) ? v : null)) });
        }
    }
    const drawn = series.filter(({ values }) => values.some((value) => value !== null));
    return { panel, times, series: drawn };
}

const panels = await Promise.all(
    dashboard.panels.map((panel) => (panel.type === "row" ? { panel, times: [], series: [] } : data(panel))),
);
const empty = panels.filter(({ panel, series }) => panel.type !== "row" && !series.length).map(({ panel }) => panel.title);
assert.deepEqual(empty.filter((title) => !EMPTY.split(",").includes(title)), [], "panels without data");

const chromium = await launch();
const page = await chromium.newPage({ viewport: { width: 1440, height: 900 } });
const faults = watch(page, []);
await page.setContent(readFileSync("dashboard.html", "utf8"));
await page.addStyleTag({ path: "node_modules/uplot/dist/uPlot.min.css" });
await page.addScriptTag({ path: "node_modules/uplot/dist/uPlot.iife.min.js" });
await page.addScriptTag({ path: "dashboard-page.js" });
const undrawn = await page.evaluate((panels) => window.draw(panels), panels);
assert.deepEqual([...undrawn, ...faults], []);
if (PICTURE) await page.screenshot({ path: PICTURE, fullPage: true });
await chromium.close();
