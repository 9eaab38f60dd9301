// Sign-in and sign-up with e-mail and password, at Better Auth.

import { useState } from "preact/hooks";

import { auth } from "./session";

interface Props {
    /** The e-mail address of the user whose session has ended. */
    again: string | undefined;
    onSignedIn: () => Promise<void>;
}

export function SignIn({ again, onSignedIn }: Props) {
    const [isNew, setNew] = useState(false);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string>();

    async function submit(event: SubmitEvent) {
        event.preventDefault();
        if (busy) return;
        setBusy(true);
        setError(undefined);
        const form = new FormData(event.currentTarget as HTMLFormElement);
        const [email, password] = [String(form.get("email")), String(form.get("password"))];
        try {
            const answer = isNew
                ? await auth.signUp.email({ email, password, name: email })
                : await auth.signIn.email({ email, password });
            if (answer.error) setError(answer.error.message ?? "The sign-in server refused: try again later.");
            else await onSignedIn();
        } catch {
            setError("The sign-in server cannot be reached: try again.");
        }
        setBusy(false);
    }

    return (
        <main class="narrow">
            <img src="/icon.svg" alt="" width={40} height={40} />
            <h1 tabIndex={-1}>{isNew ? "Create an account" : "Sign in"}</h1>
            {again && (
                <p class="notice">Your session has ended. Sign in as {again} again: nothing that you typed is lost.</p>
            )}
            <form class="card stack" onSubmit={submit} aria-busy={busy}>
                <label>
                    E-mail
                    <input name="email" type="email" autocomplete="username" defaultValue={again} required />
                </label>
                <label>
                    Password
                    <input
                        name="password"
                        type="password"
                        autocomplete={isNew ? "new-password" : "current-password"}
                        minLength={8}
                        aria-describedby={isNew ? "password-rule" : undefined}
                        required
                    />
                </label>
                {isNew && (
                    <p id="password-rule" class="hint">
                        At least 8 characters.
                    </p>
                )}
                {error && (
                    <p class="error" role="alert">
                        {error}
                    </p>
                )}
                <button class="primary">{isNew ? "Create the account" : "Sign in"}</button>
            </form>
            <p class="switch">
                {isNew ? "You have an account?" : "New here?"}{" "}
                <button
                    type="button"
                    class="link"
                    onClick={() => {
                        setNew(!isNew);
                        setError(undefined);
                    }}
                >
                    {isNew ? "Sign in" : "Create an account"}
                </button>
            </p>
        </main>
    );
}
