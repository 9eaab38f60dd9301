// Runs in the page of dashboard.mjs: draws panels with uPlot, the library that Grafana draws with.

const COLORS = { green: "#56a64b", yellow: "#e0b400", orange: "#ff780a", red: "#e02f44", "dark-red": "#ad0317", blue: "#3274d9" };
const PALETTE = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300",
    "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477"];
const WIDTH = 1424;
const problems = [];

function scaled(value, base, units) {
    let at = 0;
    while (Math.abs(value) >= base && at < units.length - 1) [value, at] = [value / base, at + 1];
    return `${Number(value.toPrecision(3))} ${units[at]}`.trim();
}

function seconds(value) {
    if (value >= 3600) return `${Number((value / 3600).toPrecision(3))} h`;
    if (value >= 90) return `${Number((value / 60).toPrecision(3))} min`;
    return value >= 1 || value === 0 ? `${Number(value.toPrecision(3))} s` : scaled(value * 1e6, 1000, ["µs", "ms"]);
}

function format(unit, value) {
    switch (unit) {
        case "none": return scaled(value, 1000, ["", "k", "M"]);
        case "s": return seconds(value);
        case "percentunit": return `${Number((value * 100).toPrecision(3))} %`;
        case "reqps": return `${scaled(value, 1000, ["", "k"])} req/s`;
        case "cps": return `${Number(value.toPrecision(2))} /s`;
        case "bytes": return scaled(value, 1024, ["B", "KiB", "MiB"]);
        default: problems.push(`the unit ${unit}`); return String(value);
    }
}

function matches({ matcher }, name) {
    if (matcher.id === "byName") return matcher.options === name;
    if (matcher.id === "byRegexp") return new RegExp(matcher.options.replace(/^\/|\/$/g, "")).test(name);
    problems.push(`the matcher ${matcher.id}`);
}

/** The properties of a series: those of the panel, with those that its overrides change. */
function properties(panel, name) {
    const { custom, color } = panel.fieldConfig.defaults;
    const own = (panel.fieldConfig.overrides ?? []).filter((override) => matches(override, name)).flatMap((o) => o.properties);
    return Object.fromEntries([["custom", custom], ["color", color], ...own.map(({ id, value }) => [id, value])]);
}

function color({ mode, fixedColor }, at) {
    if (mode === "fixed") return COLORS[fixedColor] ?? problems.push(`the color ${fixedColor}`);
    return PALETTE[at % PALETTE.length];
}

function element(parent, tag, className, text) {
    const made = parent.appendChild(document.createElement(tag));
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
}

function stat(box, { panel, series: [{ values }] }) {
    const { unit, mappings, thresholds, decimals } = panel.fieldConfig.defaults;
    const value = values.findLast((value) => value !== null);
    const mapped = mappings?.[0]?.options[value];
    const step = thresholds.steps.findLast((step) => step.value === null || value >= step.value);
    const shade = COLORS[mapped?.color ?? step.color] ?? problems.push(`the color of ${panel.title}`);
    const shown = element(box, "div", "stat", mapped?.text ?? format(unit, Number(value.toFixed(decimals ?? 6))));
    const isFilled = panel.options.colorMode === "background";
    box.style.background = isFilled ? shade : "";
    box.style.color = isFilled ? "#fff" : "";
    if (!isFilled) shown.style.color = shade;
}

function timeseries(box, { panel, times, series }, width, height) {
    const { unit, min, custom } = panel.fieldConfig.defaults;
    const names = element(box, "div", "legend");
    const total = times.map(() => 0);
    const lines = series.map(({ name, values }, at) => {
        const own = properties(panel, name);
        const isStacked = (own["custom.stacking"] ?? custom.stacking).mode === "normal";
        const shade = color(own.color, at);
        const points = values.map((value, time) => (isStacked && value !== null ? (total[time] += value) : value));
        const fill = (own["custom.fillOpacity"] ?? custom.fillOpacity) / 100;
        element(names, "i").style.background = shade;
        names.append(name);
        // uPlot joins points by straight lines if there is no other path.
        const paths = custom.lineInterpolation === "stepAfter" ? uPlot.paths.stepped({ align: 1 }) : undefined;
        return { label: name, stroke: shade, points, paths, fill: fill && shade + Math.round(fill * 255).toString(16).padStart(2, "0"),
            dash: own["custom.lineStyle"]?.dash };
    });
    // What is stacked highest is drawn first, so that the others stay visible.
    lines.reverse();
    const y = { range: (_, low, high) => [Math.min(min ?? low ?? 0, low ?? 0), (high || 1) * 1.05] };
    const axis = { font: "10px DejaVu Sans", grid: { stroke: "#e9edf2", width: 1 }, ticks: { show: false } };
    const axes = [axis, { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => format(unit, tick)) }];
    const hidden = { legend: { show: false }, cursor: { show: false } };
    new uPlot({ width, height: height - 34, series: [{}, ...lines.map(({ points, ...line }) => ({ ...line, width: 1.5, points: { show: false } }))],
        axes, scales: { y }, ...hidden }, [times, ...lines.map(({ points }) => points)], box.insertBefore(document.createElement("div"), names));
}

function table(box, { panel, series }) {
    const { excludeByName } = panel.transformations[0].options;
    const { properties } = panel.fieldConfig.overrides[0];
    const of = (id) => properties.find((property) => property.id === id)?.value;
    const columns = Object.keys(series[0].labels).filter((name) => !excludeByName[name]);
    const made = element(box, "table");
    const head = element(made, "tr");
    for (const name of [...columns, of("displayName")]) element(head, "th", "", name);
    for (const { labels, values } of series) {
        const line = element(made, "tr");
        for (const name of columns) element(line, "td", "", labels[name]);
        element(line, "td", "", format(of("unit"), values[0]));
    }
}

/** Draws all panels. Returns what this script does not know how to draw. */
window.draw = (panels) => {
    const board = document.getElementById("board");
    const unit = { x: WIDTH / 24, y: 38 };
    let bottom = 0;
    for (const drawn of panels) {
        const { panel, series } = drawn;
        const { x, y, w, h } = panel.gridPos;
        const box = element(board, "div", panel.type === "row" ? "row" : "panel", panel.type === "row" ? panel.title : undefined);
        const [width, height] = [w * unit.x - 8, h * unit.y - 8];
        Object.assign(box.style, { left: `${x * unit.x}px`, top: `${y * unit.y}px`, width: `${width}px`, height: `${height}px` });
        bottom = Math.max(bottom, (y + h) * unit.y);
        if (panel.type === "row") continue;
        element(box, "h2", "", panel.title);
        if (!series.length) element(box, "div", "none", panel.fieldConfig.defaults.noValue ?? "No data");
        else if (panel.type === "stat") stat(box, drawn);
        else if (panel.type === "timeseries") timeseries(box, drawn, width - 4, height - 30);
        else if (panel.type === "table") table(box, drawn);
        else problems.push(`the panel type ${panel.type}`);
    }
    board.style.height = `${bottom}px`;
    return problems;
};
