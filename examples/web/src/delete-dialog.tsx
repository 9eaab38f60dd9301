// Asks before a task is deleted: Rowkeep cannot bring it back.

import { useEffect, useRef } from "preact/hooks";

import type { Task } from "./api";

interface Props {
    task: Task;
    onKeep: () => void;
    onDelete: () => void;
}

export function DeleteDialog({ task, onKeep, onDelete }: Props) {
    const dialog = useRef<HTMLDialogElement>(null);
    // The browser keeps the focus inside, and gives it back to the button that was used.
    useEffect(() => dialog.current?.showModal(), []);
    const close = (answer: "delete" | "keep") => dialog.current?.close(answer);

    return (
        <dialog
            ref={dialog}
            aria-labelledby="delete"
            onClose={(event) => (event.currentTarget.returnValue === "delete" ? onDelete() : onKeep())}
        >
            <h2 id="delete">Delete this task?</h2>
            <p dir="auto">{task.title}</p>
            <div class="buttons">
                <button class="danger" onClick={() => close("delete")}>
                    Delete
                </button>
                <button onClick={() => close("keep")}>Keep it</button>
            </div>
        </dialog>
    );
}
