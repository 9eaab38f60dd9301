// The part of the list that has been loaded.

import { useCallback, useRef, useState } from "preact/hooks";

import { list, PAGE_SIZE, type Page, type Task, type View } from "./api";

/** The loaded part of the list, and which list it is: the next one may be on its way already. */
type Loaded = Page & { view: View };

export function useTasks(view: View) {
    const [page, setPage] = useState<Loaded>();
    const [loading, setLoading] = useState(true);
    const running = useRef<AbortController | null>(null);
    const now = useRef({ view, page });
    now.current = { view, page };

    /** Loads a part of the list. A load that still runs is for another view: it stops. */
    const fetchPage = useCallback(async (size: number, cursor?: string): Promise<Loaded> => {
        running.current?.abort();
        const mine = (running.current = new AbortController());
        const { view } = now.current;
        setLoading(true);
        try {
            return { ...(await list(view, size, cursor, mine.signal)), view };
        } finally {
            if (running.current === mine) setLoading(false);
        }
    }, []);

    /** Loads the beginning of the list. What is shown already stays in it, and with it a task that is just being edited. */
    const load = useCallback(async () => {
        const { view, page } = now.current;
        const shown = page?.view === view ? page.tasks.length : 0;
        const first = await fetchPage(Math.max(shown, PAGE_SIZE));
        setPage(first);
        return first;
    }, [fetchPage]);

    /** Adds the next page. Returns its tasks. */
    async function more(): Promise<Task[]> {
        const next = await fetchPage(PAGE_SIZE, page?.next);
        // With an order that changes, such as that by the last change, a task can come a second time.
        const known = new Set(page?.tasks.map((task) => task.id));
        const added = next.tasks.filter((task) => !known.has(task.id));
        setPage((page) => ({ ...next, tasks: [...(page?.tasks ?? []), ...added] }));
        return added;
    }

    function update(change: (tasks: Task[]) => Task[], difference: number) {
        setPage((page) => page && { ...page, tasks: change(page.tasks), total: page.total + difference });
    }

    return {
        page,
        loading,
        load,
        more,
        add: (task: Task) => update((tasks) => [task, ...tasks], 1),
        replace: (task: Task) => update((tasks) => tasks.map((old) => (old.id === task.id ? task : old)), 0),
        drop: (id: number) => update((tasks) => tasks.filter((task) => task.id !== id), -1),
    };
}
