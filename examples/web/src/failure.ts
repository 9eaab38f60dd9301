// Why a request failed, and what the person can do.

/**
 * - `refused`: what was sent is not acceptable. The text belongs beside it.
 * - `unchanged`: nothing was changed, so that it can be tried again.
 * - `unknown`: the change may have been made. Look before you repeat it.
 */
export type Kind = "refused" | "unchanged" | "unknown";

export class Failure extends Error {
    constructor(
        message: string,
        readonly kind: Kind,
    ) {
        super(message);
    }
}

/** The failure that an answer of Rowkeep tells, in its own words. */
export function failureOf(method: string, response: Response, error: unknown): Failure {
    const detail = (error as { detail?: unknown } | undefined)?.detail;
    const text = typeof detail === "string" ? detail : `The server answered with status ${response.status}.`;
    if (response.status === 429) return new Failure(text, "unchanged");
    if (response.status < 500) return new Failure(text, "refused");
    const id = response.status === 500 ? response.headers.get("X-Request-Id") : null;
    // Every 503 of Rowkeep says which of the two is true.
    const unchanged = method === "GET" || text.includes("Nothing was changed");
    return new Failure(id ? `${text} (${id})` : text, unchanged ? "unchanged" : "unknown");
}

/** The failure of a request that got no answer. A change can have arrived all the same. */
export function unanswered(method: string): Failure {
    return method === "GET"
        ? new Failure("The server cannot be reached. Nothing was changed: try again.", "unchanged")
        : new Failure(
              "The server did not answer. The change may have been made: look before you repeat it.",
              "unknown",
          );
}
