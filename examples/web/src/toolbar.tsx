// Chooses which tasks are shown, and in which order.

import { useEffect, useState } from "preact/hooks";

import type { View } from "./api";

const STATUSES: [View["status"], string][] = [
    ["all", "All"],
    ["pending", "Pending"],
    ["completed", "Completed"],
];
const SORTS: [View["sort"], string][] = [
    ["-created_at", "Newest first"],
    ["created_at", "Oldest first"],
    ["-updated_at", "Last changed first"],
    ["title", "By title"],
];
const PAUSE = 250;

interface Props {
    view: View;
    onChange: (view: View) => void;
}

export function Toolbar({ view, onChange }: Props) {
    const [text, setText] = useState(view.q);
    // Searches when no key was pressed for a moment.
    useEffect(() => {
        if (text === view.q) return;
        const timer = setTimeout(() => onChange({ ...view, q: text }), PAUSE);
        return () => clearTimeout(timer);
    }, [text, view, onChange]);
    // Something else, such as "Show all tasks", has changed the search.
    useEffect(() => setText(view.q), [view.q]);

    return (
        <search class="toolbar">
            <label class="find">
                Search
                <input type="search" dir="auto" value={text} onInput={(event) => setText(event.currentTarget.value)} />
            </label>
            <fieldset>
                <legend>Show</legend>
                <div class="choices">
                    {STATUSES.map(([status, label]) => (
                        <label key={status}>
                            <input
                                type="radio"
                                name="status"
                                checked={view.status === status}
                                onChange={() => onChange({ ...view, status, q: text })}
                            />
                            <span>{label}</span>
                        </label>
                    ))}
                </div>
            </fieldset>
            <label>
                Order
                <select
                    value={view.sort}
                    onChange={(event) =>
                        onChange({ ...view, sort: event.currentTarget.value as View["sort"], q: text })
                    }
                >
                    {SORTS.map(([sort, label]) => (
                        <option key={sort} value={sort}>
                            {label}
                        </option>
                    ))}
                </select>
            </label>
        </search>
    );
}
