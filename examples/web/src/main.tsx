// The page: the tasks of the person who is signed in, or a form to sign in.

import { render } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";

import { Board } from "./board";
import { currentUser, type User } from "./session";
import { SignIn } from "./sign-in";

function Page() {
    // Not known yet, nobody, or a user. After the end of a session the user stays, for whoever signs in next.
    const [user, setUser] = useState<User | null>();
    const [ended, setEnded] = useState(false);
    const [problem, setProblem] = useState<string>();

    const ask = useCallback(async () => {
        const found = await currentUser();
        setUser((user) => found ?? user ?? null);
        setEnded(!found);
    }, []);
    const askAgain = useCallback(() => {
        ask().then(
            () => setProblem(undefined),
            (error: Error) => setProblem(error.message),
        );
    }, [ask]);
    const onEnded = useCallback(() => setEnded(true), []);
    useEffect(() => {
        // Again when the page comes back: another tab can have signed out, or in as somebody else.
        const comesBack = () => document.visibilityState === "visible" && askAgain();
        document.addEventListener("visibilitychange", comesBack);
        askAgain();
        return () => document.removeEventListener("visibilitychange", comesBack);
    }, [askAgain]);
    // What had the focus is gone.
    useEffect(() => document.querySelector("h1")?.focus(), [user?.id, ended]);

    if (user === undefined) {
        return problem ? (
            <main class="narrow">
                <h1>Tasks</h1>
                <div class="banner" role="alert">
                    <p>{problem}</p>
                    <button onClick={askAgain}>Try again</button>
                </div>
            </main>
        ) : null;
    }
    return (
        <>
            {(!user || ended) && <SignIn again={user?.email} onSignedIn={ask} />}
            {/* A new session of the same user finds everything as it was, typed text too. Another user finds nothing. */}
            {user && (
                <div hidden={ended}>
                    <Board
                        key={user.id}
                        user={user}
                        active={!ended}
                        onSignedOut={() => setUser(null)}
                        onSessionEnded={onEnded}
                    />
                </div>
            )}
        </>
    );
}

// A browser sends Better Auth's cookie only from a page of the same host, and both servers allow only one origin.
const { hostname } = new URL(import.meta.env.VITE_AUTH_URL);
if (location.hostname === "localhost" && hostname === "127.0.0.1") location.hostname = hostname;
else render(<Page />, document.body);
