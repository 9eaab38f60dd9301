// Uses each operation of the API through a client that is made from the OpenAPI document. The compiler checks that paths,
// parameters, bodies and answers are as the document says; the test runs it against a server.

import createClient from "openapi-fetch";

import type { components, paths } from "./built/api.js";

type Task = components["schemas"]["Task"];

declare const process: { argv: string[]; exitCode: number };

const [, , baseUrl = "", token = "", user = ""] = process.argv;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const withoutToken = createClient<paths>({ baseUrl });

function check(condition: boolean, what: string): asserts condition {
    if (!condition) throw new Error(what);
}

/** The body of a success. */
function body<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
    if (data === undefined) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
    return data;
}

async function v1(): Promise<void> {
    const task: Task = body(await api.POST("/api/v1/tasks", { body: { title: "v1", completed: true } }));
    check(task.completed && task.description === null, "a completed task");
    const path = { id: task.id };
    check(body(await api.GET("/api/v1/tasks/{id}", { params: { path } })).title === "v1", "read");
    body(await api.PUT("/api/v1/tasks/{id}", { params: { path }, body: { title: "again", description: "d" } }));
    const edited = await api.PATCH("/api/v1/tasks/{id}", { params: { path }, body: { description: null } });
    check(body(edited).description === null, "edited");
    check(!body(await api.PATCH("/api/v1/tasks/{id}/toggle", { params: { path } })).completed, "toggled");

    const query = { limit: 1, sort: "-updated_at", status: "pending", q: "AGAIN", count: true } as const;
    const { data: page, response } = await api.GET("/api/v1/tasks", { params: { query } });
    check(page?.[0]?.id === task.id && response.headers.get("x-total-count") === "1", "a page");

    check((await api.DELETE("/api/v1/tasks/{id}", { params: { path } })).response.status === 204, "deleted");
    const { error } = await api.GET("/api/v1/tasks/{id}", { params: { path } });
    check(error !== undefined && error.message === error.detail, "an error of this contract");
}

async function tasks(): Promise<void> {
    const task = body(await api.POST("/api/tasks", { body: { title: "t" } }));
    const path = { id: task.id };
    body(await api.GET("/api/tasks/{id}", { params: { path } }));
    body(await api.PUT("/api/tasks/{id}", { params: { path }, body: { title: "again" } }));
    body(await api.PATCH("/api/tasks/{id}", { params: { path }, body: { completed: false } }));
    const completed = await api.PATCH("/api/tasks/{id}/complete", { params: { path }, body: { completed: true } });
    check(body(completed).completed, "completed");
    check(!body(await api.PATCH("/api/tasks/{id}/complete", { params: { path } })).completed, "flipped");
    const list = body(await api.GET("/api/tasks", { params: { query: { status: "pending" } } }));
    check(list.some(({ id }) => id === task.id), "listed");
    const deleted: string = body(await api.DELETE("/api/tasks/{id}", { params: { path } })).message;
    check(deleted.length > 0, "deleted");
    const { error } = await api.POST("/api/tasks", { body: { title: " " } });
    check(error !== undefined && error.error === error.detail, "an error of this contract");
}

async function userTasks(): Promise<void> {
    const list = { params: { path: { user_id: user } } };
    const task = body(await api.POST("/api/{user_id}/tasks", { ...list, body: { title: "u" } }));
    const one = { params: { path: { user_id: user, id: task.id } } };
    body(await api.GET("/api/{user_id}/tasks/{id}", one));
    body(await api.PUT("/api/{user_id}/tasks/{id}", { ...one, body: { title: "again" } }));
    body(await api.PATCH("/api/{user_id}/tasks/{id}", { ...one, body: { title: "and again" } }));
    check(body(await api.PATCH("/api/{user_id}/tasks/{id}/complete", one)).completed, "flipped");
    check(body(await api.GET("/api/{user_id}/tasks", list)).some(({ id }) => id === task.id), "listed");
    check((await api.DELETE("/api/{user_id}/tasks/{id}", one)).response.status === 204, "deleted");
    const other = await api.GET("/api/{user_id}/tasks", { params: { path: { user_id: `not ${user}` } } });
    check(other.response.status === 403 && typeof other.error?.detail === "string", "another user");
}

async function server(): Promise<void> {
    const index = body(await withoutToken.GET("/"));
    check(index.docs === "/docs" && index.openapi === "/openapi.json", "the paths");
    check(body(await withoutToken.GET("/health")).status === "healthy", "healthy");
    check(body(await withoutToken.GET("/live")).status === "alive", "alive");
    check("openapi" in body(await withoutToken.GET("/openapi.json")), "the document");
    check(body(await withoutToken.GET("/docs", { parseAs: "text" })).startsWith("<!doctype html>"), "the page");
    const { error, response } = await withoutToken.GET("/api/tasks");
    check(response.status === 401 && typeof error?.detail === "string", "no token");
}

await v1();
await tasks();
await userTasks();
await server();
