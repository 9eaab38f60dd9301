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
    // How often the list was changed here.
    const changes = useRef(0);

    /** Loads a part of the list. A load that still runs stops. */
    const fetchPage = useCallback(async (size: number, cursor?: string): Promise<Loaded> => {
        running.current?.abort();
        const mine = (running.current = new AbortController());
        const { view } = now.current;
        setLoading(true);
        try {
            for (;;) {
                const before = changes.current;
                const page = await list(view, size, cursor, mine.signal);
                // An answer can be older than a change that was made meanwhile, and would undo it on the screen.
                if (before === changes.current) return { ...page, view };
            }
        } finally {
            if (running.current === mine) setLoading(false);
        }
    }, []);

    /** Loads the beginning of the list. What is shown already stays in it, and with it a task that is just being edited. */
    const load = useCallback(async () => {
        const { view, page } = now.current;
        const shown = page?.view === view ? page.tasks.length : 0;
        const first = await fetchPage(Math.max(shown, PAGE_SIZE));
        now.current.page = first;
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

    /** Changes what is shown. The total counts what fits the view; a row that does not fit any more stays until the next load. */
    function update(change: (tasks: Task[]) => Task[]) {
        changes.current += 1;
        setPage((page) => {
            if (!page) return page;
            const tasks = change(page.tasks);
            return { ...page, tasks, total: page.total + fitting(page.view, tasks) - fitting(page.view, page.tasks) };
        });
    }

    /** Puts a new task where it belongs. Returns false if only a load can tell where that is. */
    function add(task: Task): boolean {
        const { view, page } = now.current;
        const isFirst = view.sort === "-created_at" && view.status !== "completed" && !view.q;
        if (!isFirst || page?.view !== view) return false;
        // A load can have brought it already.
        update((tasks) => [task, ...tasks.filter(({ id }) => id !== task.id)]);
        return true;
    }

    return {
        page,
        loading,
        load,
        more,
        add,
        replace: (task: Task) => update((tasks) => tasks.map((old) => (old.id === task.id ? task : old))),
        drop: (id: number) => update((tasks) => tasks.filter((task) => task.id !== id)),
        /** Whether the list that was loaded last has this task. */
        has: (id: number) => now.current.page?.tasks.some((task) => task.id === id) ?? false,
    };
}

/** How many of these tasks of a view fit it still: each can have been completed since. */
export function fitting({ status }: View, tasks: Task[]): number {
    return tasks.filter(({ completed }) => status === "all" || completed === (status === "completed")).length;
}
