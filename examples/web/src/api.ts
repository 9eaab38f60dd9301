// Rowkeep's /api/v1/tasks. `npm run schema` makes the types in schema.d.ts from Rowkeep's OpenAPI document.

import createClient from "openapi-fetch";

import { Failure, failureOf, unanswered } from "./failure";
import type { components, paths } from "./schema";
import { jwt, SessionEnded } from "./session";

export type Task = components["schemas"]["Task"];
export type TaskDraft = components["schemas"]["TaskDraft"];
export type TaskChanges = components["schemas"]["TaskChanges"];
type Query = NonNullable<paths["/api/v1/tasks"]["get"]["parameters"]["query"]>;

/** Which tasks are shown, and in which order. */
export interface View {
    status: NonNullable<Query["status"]>;
    sort: NonNullable<Query["sort"]>;
    q: string;
}

export interface Page {
    tasks: Task[];
    /** How many tasks the whole list has. */
    total: number;
    /** The cursor of the next page, if there is one. */
    next: string | undefined;
}

export const PAGE_SIZE = 20;
const LARGEST_PAGE = 1000;
const TIMEOUT = 15_000;

const client = createClient<paths>({ baseUrl: import.meta.env.VITE_API_URL, fetch: authorized });

/** Sends a request with a token. If Rowkeep refuses the token, sends it once more with a new one. */
async function authorized(request: Request): Promise<Response> {
    const token = await jwt();
    const response = await send(request.clone(), token);
    return response.status === 401 ? send(request, await jwt(token)) : response;
}

function send(request: Request, token: string): Promise<Response> {
    request.headers.set("Authorization", `Bearer ${token}`);
    return fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT)]) });
}

/** The data of an answer. Every other end is a `Failure`, a `SessionEnded`, or an `AbortError`. */
async function data<T>(method: string, answer: Promise<{ data?: T; error?: unknown; response: Response }>) {
    try {
        const { data, error, response } = await answer;
        if (!response.ok) throw failureOf(method, response, error);
        return { data: data as T, headers: response.headers };
    } catch (error) {
        const known =
            error instanceof Failure || error instanceof SessionEnded || (error as Error).name === "AbortError";
        throw known ? error : unanswered(method);
    }
}

export async function list(view: View, size: number, cursor: string | undefined, signal: AbortSignal): Promise<Page> {
    const query = { ...view, q: view.q || undefined, limit: Math.min(size, LARGEST_PAGE), count: true, cursor };
    const answer = await data("GET", client.GET("/api/v1/tasks", { params: { query }, signal }));
    const total = Number(answer.headers.get("X-Total-Count"));
    return { tasks: answer.data, total, next: nextCursor(answer.headers.get("Link")) };
}

/** From a header such as `</api/v1/tasks?limit=20&cursor=…>; rel="next"`. */
function nextCursor(link: string | null): string | undefined {
    const address = /<([^>]*)>; *rel="next"/.exec(link ?? "")?.[1];
    return address && (new URL(address, location.href).searchParams.get("cursor") ?? undefined);
}

export async function create(body: TaskDraft): Promise<Task> {
    return (await data("POST", client.POST("/api/v1/tasks", { body }))).data;
}

/** Changes what `body` names, and nothing else. */
export async function change(id: number, body: TaskChanges): Promise<Task> {
    return (await data("PATCH", client.PATCH("/api/v1/tasks/{id}", { params: { path: { id } }, body }))).data;
}

export async function remove(id: number): Promise<void> {
    await data("DELETE", client.DELETE("/api/v1/tasks/{id}", { params: { path: { id } } }));
}
