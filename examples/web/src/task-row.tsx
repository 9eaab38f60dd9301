// A task in the list: to read, to complete, to edit in place.

import { useEffect, useRef, useState } from "preact/hooks";

import { change, type Task } from "./api";
import { changed, Fields } from "./fields";
import type { Attempt } from "./use-attempt";

interface Props {
    task: Task;
    attempt: Attempt;
    onChanged: (task: Task, news: string) => void;
    onCancel: () => void;
    onDelete: () => void;
}

export function TaskRow({ task, attempt, onChanged, onCancel, onDelete }: Props) {
    const [editing, setEditing] = useState(false);
    const [refusal, setRefusal] = useState<string>();
    // What the person has just chosen, until the server has answered.
    const [chosen, setChosen] = useState<boolean>();
    const editButton = useRef<HTMLButtonElement>(null);
    const wasEditing = useRef(false);
    useEffect(() => {
        if (wasEditing.current && !editing) editButton.current?.focus();
        wasEditing.current = editing;
    }, [editing]);

    async function complete(completed: boolean) {
        if (chosen !== undefined) return;
        setChosen(completed);
        // Sets what the person saw. A flip would do the opposite if another tab was faster.
        await attempt(async () => {
            const changed = await change(task.id, { completed });
            onChanged(changed, `“${task.title}” is ${completed ? "completed" : "pending"}.`);
        }, setRefusal);
        setChosen(undefined);
    }

    function close() {
        setEditing(false);
        setRefusal(undefined);
    }

    if (editing) {
        return (
            <li>
                <EditForm
                    task={task}
                    attempt={attempt}
                    refusal={refusal}
                    setRefusal={setRefusal}
                    onSaved={(changed) => {
                        close();
                        onChanged(changed, `Saved “${changed.title}”.`);
                    }}
                    onCancel={() => {
                        close();
                        onCancel();
                    }}
                />
            </li>
        );
    }

    const done = chosen ?? task.completed;
    return (
        <li class="task" data-done={done}>
            <input
                type="checkbox"
                id={`done-${task.id}`}
                checked={done}
                onClick={(event) => chosen !== undefined && event.preventDefault()}
                onChange={(event) => complete(event.currentTarget.checked)}
            />
            <div class="text">
                <label for={`done-${task.id}`} dir="auto">
                    {task.title}
                </label>
                {task.description && <Description text={task.description} />}
                {refusal && (
                    <p class="error" role="alert">
                        {refusal}
                    </p>
                )}
            </div>
            <p class="hint">{times(task)}</p>
            <div class="buttons">
                <button
                    ref={editButton}
                    class="quiet"
                    aria-label={`Edit “${task.title}”`}
                    onClick={() => setEditing(true)}
                >
                    Edit
                </button>
                <button class="quiet" aria-label={`Delete “${task.title}”`} onClick={onDelete}>
                    Delete
                </button>
            </div>
        </li>
    );
}

interface EditProps {
    task: Task;
    attempt: Attempt;
    refusal: string | undefined;
    setRefusal: (refusal: string | undefined) => void;
    onSaved: (task: Task) => void;
    onCancel: () => void;
}

function EditForm({ task, attempt, refusal, setRefusal, onSaved, onCancel }: EditProps) {
    const [busy, setBusy] = useState(false);
    const form = useRef<HTMLFormElement>(null);
    const title = useRef<HTMLInputElement>(null);
    useEffect(() => title.current?.focus(), []);

    async function save() {
        // Only what was edited, so that another member that somebody else edits meanwhile stays.
        const changes = changed(form.current!);
        onSaved(Object.keys(changes).length > 0 ? await change(task.id, changes) : task);
    }

    async function submit(event: Event) {
        event.preventDefault();
        if (busy) return;
        setBusy(true);
        await attempt(save, setRefusal);
        setBusy(false);
    }

    function key(event: KeyboardEvent) {
        if (event.key === "Escape") onCancel();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit(event);
    }

    return (
        <form
            ref={form}
            class="stack"
            aria-label={`Edit “${task.title}”`}
            aria-busy={busy}
            onSubmit={submit}
            onKeyDown={key}
        >
            <Fields
                titleLabel="Title"
                titleRef={title}
                title={task.title}
                description={task.description ?? ""}
                refusal={refusal}
            />
            <div class="buttons">
                <button class="primary">Save</button>
                <button type="button" onClick={onCancel}>
                    Cancel
                </button>
            </div>
        </form>
    );
}

/** A long description shows its beginning. */
function Description({ text }: { text: string }) {
    const [open, setOpen] = useState(false);
    const isLong = text.length > 240 || text.split("\n").length > 4;
    return (
        <>
            <p class="description" dir="auto" data-cut={isLong && !open}>
                {text}
            </p>
            {isLong && (
                <button class="link" aria-expanded={open} onClick={() => setOpen(!open)}>
                    {open ? "Show less" : "Show all of it"}
                </button>
            )}
        </>
    );
}

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function times({ created_at, updated_at }: Task) {
    const time = (text: string) => (
        <time dateTime={text} title={moment.format(new Date(text))}>
            {day.format(new Date(text))}
        </time>
    );
    const changed = day.format(new Date(updated_at)) !== day.format(new Date(created_at));
    return (
        <>
            Added {time(created_at)}
            {changed && <>, changed {time(updated_at)}</>}
        </>
    );
}
