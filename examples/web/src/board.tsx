// The tasks of one user.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { remove, type Task, type View } from "./api";
import { DeleteDialog } from "./delete-dialog";
import { NewTask } from "./new-task";
import { signOut, type User } from "./session";
import { TaskRow } from "./task-row";
import { Toolbar } from "./toolbar";
import { useAttempt } from "./use-attempt";
import { fitting, useTasks } from "./use-tasks";

const EVERYTHING: View = { status: "all", sort: "-created_at", q: "" };
const RETRY_AFTER = 4_000;

interface Props {
    user: User;
    /** False after the end of the session. */
    active: boolean;
    onSignedOut: () => void;
    onSessionEnded: () => void;
}

export function Board({ user, active, onSignedOut, onSessionEnded }: Props) {
    const [view, setView] = useState(EVERYTHING);
    const { page, loading, load, more, add, replace, drop, has } = useTasks(view);
    const { attempt, problem, dismiss } = useAttempt(onSessionEnded);
    const [news, setNews] = useState("");
    const [doomed, setDoomed] = useState<Task>();
    const focusOn = useFocus();

    const loadList = useCallback(async () => {
        const { view, total } = await load();
        setNews(summary(view, total));
    }, [load]);
    useEffect(() => {
        if (active) void attempt(loadList);
    }, [active, view, attempt, loadList]);

    // The list comes back by itself. A change is repeated only by a click.
    const listIsMissing = problem?.action === loadList;
    useEffect(() => {
        if (problem?.action !== loadList) return;
        const timer = setTimeout(() => attempt(loadList), RETRY_AFTER);
        return () => clearTimeout(timer);
    }, [problem, attempt, loadList]);

    async function added(task: Task) {
        const text = `Added “${task.title}”.`;
        setNews(text);
        if (add(task) || !(await attempt(loadList))) return;
        setNews(has(task.id) ? text : `${text} It is not in the list that you see.`);
    }

    async function changed(old: Task, task: Task, text: string) {
        replace(task);
        setNews(text);
        const searched = old.title !== task.title || old.description !== task.description;
        // Only Rowkeep knows whether other text is still found.
        if (!page?.view.q || !searched || !(await attempt(loadList))) return;
        setNews(text);
        if (!has(task.id)) focusOn("list");
    }

    async function deletes(task: Task) {
        const tasks = page?.tasks ?? [];
        const index = tasks.indexOf(task);
        await remove(task.id);
        drop(task.id);
        setNews(`Deleted “${task.title}”.`);
        const neighbour = tasks[index + 1] ?? tasks[index - 1];
        focusOn(neighbour ? `done-${neighbour.id}` : "list");
    }

    /** Only then has the person looked: a list that was loading already can be older than the failure. */
    async function reload() {
        if (await attempt(loadList)) dismiss();
    }

    async function showMore() {
        const [first, ...others] = await more();
        setNews(`${others.length + (first ? 1 : 0)} more tasks.`);
        focusOn(first ? `done-${first.id}` : "list");
    }

    return (
        <>
            <header>
                <img src="/icon.svg" alt="" width={32} height={32} />
                <h1 tabIndex={-1}>Tasks</h1>
                <p>
                    Signed in as <bdi>{user.email}</bdi>
                </p>
                <button onClick={() => attempt(() => signOut().then(onSignedOut))}>Sign out</button>
            </header>
            <main>
                {problem && (
                    <div class="banner" role="alert">
                        <p>{problem.failure.message}</p>
                        {problem.failure.kind === "unchanged" ? (
                            <button onClick={() => attempt(problem.action, problem.show)}>Try again</button>
                        ) : (
                            <button onClick={reload}>Reload the list</button>
                        )}
                        {!listIsMissing && <button onClick={dismiss}>Dismiss</button>}
                    </div>
                )}
                <NewTask attempt={attempt} onAdded={added} />
                <Toolbar view={view} onChange={setView} />
                <section aria-labelledby="list" aria-busy={loading}>
                    <h2 id="list" tabIndex={-1}>
                        {page ? summary(page.view, page.total) : problem ? "Your tasks" : "Loading your tasks…"}
                    </h2>
                    {!page && !problem && <Skeleton />}
                    {page?.tasks.length === 0 && <Nothing view={page.view} onEverything={() => setView(EVERYTHING)} />}
                    {page && page.tasks.length > 0 && (
                        <ul class="card">
                            {page.tasks.map((task) => (
                                <TaskRow
                                    key={task.id}
                                    task={task}
                                    attempt={attempt}
                                    onChanged={(now, text) => changed(task, now, text)}
                                    onCancel={dismiss}
                                    onDelete={() => setDoomed(task)}
                                />
                            ))}
                        </ul>
                    )}
                    {page?.next && (
                        <p class="more">
                            {fitting(page.view, page.tasks)} of {page.total} are shown.{" "}
                            <button onClick={() => attempt(showMore)}>Show more</button>
                        </p>
                    )}
                </section>
                <p class="for-screen-readers" role="status">
                    {news}
                </p>
                {doomed && (
                    <DeleteDialog
                        task={doomed}
                        onKeep={() => setDoomed(undefined)}
                        onDelete={() => {
                            setDoomed(undefined);
                            void attempt(() => deletes(doomed));
                        }}
                    />
                )}
            </main>
        </>
    );
}

function summary({ status, q }: View, total: number): string {
    const kind = status === "all" ? "" : `${status} `;
    return `${total} ${kind}${total === 1 ? "task" : "tasks"}${q && ` with “${q}”`}`;
}

function Nothing({ view, onEverything }: { view: View; onEverything: () => void }) {
    if (view.status === "all" && !view.q)
        return <p class="card empty">You have no tasks yet. Add the first one above.</p>;
    return (
        <p class="card empty">
            No task fits. <button onClick={onEverything}>Show all tasks</button>
        </p>
    );
}

function Skeleton() {
    return (
        <div class="card skeleton" aria-hidden="true">
            <i />
            <i />
            <i />
        </div>
    );
}

/** Moves the focus to the element with an id, as soon as it is there. Without this the focus is lost with what had it. */
function useFocus() {
    const wanted = useRef("");
    useEffect(() => {
        const element = wanted.current && document.getElementById(wanted.current);
        if (!element) return;
        wanted.current = "";
        element.focus();
    });
    return (id: string) => {
        wanted.current = id;
    };
}
