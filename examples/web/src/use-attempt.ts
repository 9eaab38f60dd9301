// Runs what a person asked for, and finds the right place for its failure.

import { useCallback, useState } from "preact/hooks";

import { Failure } from "./failure";
import { SessionEnded } from "./session";

type Action = () => Promise<void>;

/** Shows the server's refusal beside what caused it, or takes it away. */
export type Show = (refusal: string | undefined) => void;

/** Runs an action. Returns whether it succeeded. */
export type Attempt = (action: Action, show?: Show) => Promise<boolean>;

/** A failure for the banner: it is not about what was typed. */
export interface Problem {
    failure: Failure;
    /** What failed. */
    action: Action;
    show: Show | undefined;
}

export function useAttempt(onSessionEnded: () => void) {
    const [problem, setProblem] = useState<Problem>();

    const attempt: Attempt = useCallback(
        async (action, show) => {
            const solved = () => setProblem((problem) => (problem?.action === action ? undefined : problem));
            try {
                await action();
                show?.(undefined);
                solved();
                return true;
            } catch (error) {
                if (error instanceof SessionEnded) onSessionEnded();
                else if (error instanceof Failure && error.kind === "refused" && show) {
                    show(error.message);
                    solved();
                } else if (error instanceof Failure) {
                    show?.(undefined);
                    setProblem({ failure: error, action, show });
                } else if ((error as Error).name !== "AbortError") throw error;
                return false;
            }
        },
        [onSessionEnded],
    );

    return { attempt, problem, dismiss: useCallback(() => setProblem(undefined), []) };
}
