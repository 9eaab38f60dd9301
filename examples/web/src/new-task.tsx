// The form that creates a task.

import { useRef, useState } from "preact/hooks";

import { create, type Task } from "./api";
import { Fields, typed } from "./fields";
import type { Attempt } from "./use-attempt";

interface Props {
    attempt: Attempt;
    onAdded: (task: Task) => void;
}

export function NewTask({ attempt, onAdded }: Props) {
    const [described, setDescribed] = useState(false);
    const [refusal, setRefusal] = useState<string>();
    const [busy, setBusy] = useState(false);
    const form = useRef<HTMLFormElement>(null);
    const title = useRef<HTMLInputElement>(null);

    async function add() {
        const task = await create(typed(form.current!));
        // Only now: until there is an answer, what was typed is not lost.
        form.current!.reset();
        setDescribed(false);
        title.current!.focus();
        onAdded(task);
    }

    async function submit(event: SubmitEvent) {
        event.preventDefault();
        if (busy) return;
        setBusy(true);
        await attempt(add, setRefusal);
        setBusy(false);
    }

    return (
        <form ref={form} class="card stack" aria-label="New task" aria-busy={busy} onSubmit={submit}>
            <Fields titleLabel="New task" titleRef={title} description={described ? "" : undefined} refusal={refusal} />
            <div class="buttons">
                <button class="primary">Add</button>
                {!described && (
                    <button type="button" class="link" onClick={() => setDescribed(true)}>
                        Add a description
                    </button>
                )}
            </div>
        </form>
    );
}
