// The title and the description of a task that is typed.

import { useId } from "preact/hooks";
import type { Ref } from "preact";

interface Props {
    title?: string;
    /** No description is asked for where this is undefined. */
    description?: string | undefined;
    titleLabel: string;
    titleRef?: Ref<HTMLInputElement>;
    /** The server's sentence about what was typed. It begins with the name of the field. */
    refusal: string | undefined;
}

// The rules for both are in the database. The page does not repeat them: it shows the database's sentences.
export function Fields({ title, description, titleLabel, titleRef, refusal }: Props) {
    const [titleError, descriptionError, otherError] = [useId(), useId(), useId()];
    const place = refusal?.startsWith("title ")
        ? "title"
        : refusal?.startsWith("description ")
          ? "description"
          : "other";
    const error = (id: string, its: typeof place) =>
        refusal && place === its ? (
            <p id={id} class="error" role="alert">
                {refusal}
            </p>
        ) : null;
    const invalid = (id: string, its: typeof place) =>
        refusal && place === its ? { "aria-invalid": true, "aria-describedby": id } : {};

    return (
        <>
            <label>
                {titleLabel}
                <input
                    ref={titleRef}
                    name="title"
                    dir="auto"
                    autocomplete="off"
                    defaultValue={title}
                    {...invalid(titleError, "title")}
                />
            </label>
            {error(titleError, "title")}
            {description !== undefined && (
                <label>
                    Description
                    <textarea
                        name="description"
                        dir="auto"
                        rows={3}
                        defaultValue={description}
                        {...invalid(descriptionError, "description")}
                    />
                </label>
            )}
            {error(descriptionError, "description")}
            {error(otherError, "other")}
        </>
    );
}

/** What stands in a form now. No description is `null`, as in a task. */
export function typed(form: HTMLFormElement): { title: string; description: string | null } {
    const data = new FormData(form);
    // A form sends line ends as CR LF. A task has them as they were typed.
    const text = (name: string) => String(data.get(name) ?? "").replaceAll("\r\n", "\n");
    return { title: text("title"), description: text("description") || null };
}

/** What of a form somebody has changed. A control can show other text than it was given: a line end in a title is not there. */
export function changed(form: HTMLFormElement): Partial<ReturnType<typeof typed>> {
    const untouched = form.cloneNode(true) as HTMLFormElement;
    untouched.reset();
    const [before, now] = [typed(untouched), typed(form)];
    return {
        ...(now.title !== before.title && { title: now.title }),
        ...(now.description !== before.description && { description: now.description }),
    };
}
