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
    // Not in the close event: it comes later, when the dialog may be open for another task.
    const close = (then: () => void) => {
        dialog.current?.close();
        then();
    };

    return (
        <dialog
            ref={dialog}
            aria-labelledby="delete"
            onCancel={(event) => {
                event.preventDefault();
                close(onKeep);
            }}
            onClose={() => dialog.current && onKeep()}
        >
            <h2 id="delete">Delete this task?</h2>
            <p dir="auto">{task.title}</p>
            <div class="buttons">
                <button class="danger" onClick={() => close(onDelete)}>
                    Delete
                </button>
                <button onClick={() => close(onKeep)}>Keep it</button>
            </div>
        </dialog>
    );
}
