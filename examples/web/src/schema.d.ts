export interface paths {
    "/api/v1/tasks": {
        get: {
            parameters: { query?: { status?: "all" | "pending" | "completed"; limit?: number; q?: string; cursor?: string; count?: boolean;
                sort?: "created_at" | "-created_at" | "updated_at" | "-updated_at" | "title" | "-title" | "id" | "-id" } };
            responses: { 200: { content: { "application/json": components["schemas"]["Task"][] } }; 422: { content: { "application/json": components["schemas"]["V1TaskError"] } } };
        };
        post: {
            parameters: {};
            requestBody: { content: { "application/json": components["schemas"]["TaskDraft"] } };
            responses: { 201: { content: { "application/json": components["schemas"]["Task"] } }; 422: { content: { "application/json": components["schemas"]["V1TaskError"] } } };
        };
    };
    "/api/v1/tasks/{id}": {
        parameters: { path: { id: number } };
        patch: {
            parameters: { path: { id: number } };
            requestBody: { content: { "application/json": components["schemas"]["TaskChanges"] } };
            responses: { 200: { content: { "application/json": components["schemas"]["Task"] } }; 422: { content: { "application/json": components["schemas"]["V1TaskError"] } } };
        };
        delete: {
            parameters: { path: { id: number } };
            responses: { 204: { content?: never }; 404: { content: { "application/json": components["schemas"]["V1TaskError"] } } };
        };
    };
}
export interface components {
    schemas: {
        Task: { id: number; user_id: string; title: string; description: string | null; completed: boolean; created_at: string; updated_at: string };
        TaskDraft: { title: string; description?: string | null; completed?: boolean };
        TaskChanges: { title?: string; description?: string | null; completed?: boolean };
        V1TaskError: { detail: string; message: string };
    };
}
