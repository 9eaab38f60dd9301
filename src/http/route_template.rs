//! The template of the route that a path belongs to.

/// `/api/tasks/{id}` for `/api/tasks/7`: one of few texts, whatever a client sends. None if no route has the path.
pub(super) fn route_template(path: &str) -> Option<&'static str> {
    // A route does not mind a slash at the end.
    let path = path.strip_suffix('/').filter(|path| !matches!(*path, "" | "/")).unwrap_or(path);
    let mut segments = path.split('/').skip(1);
    let mut next = || segments.next();
    let segments = [next(), next(), next(), next(), next(), next()];
    // `v1` and `tasks` are no users: their paths belong to the other contracts.
    Some(match segments {
        [Some(""), None, ..] => "/",
        [Some("live"), None, ..] => "/live",
        [Some("health"), None, ..] => "/health",
        [Some("openapi.json"), None, ..] => "/openapi.json",
        [Some("docs"), None, ..] => "/docs",
        [Some("docs"), Some("token"), None, ..] => "/docs/token",
        [Some("docs"), Some(asset), None, ..] if !asset.is_empty() => "/docs/{asset}",
        [Some("api"), Some("tasks"), rest @ ..] => match rest {
            [None, ..] => "/api/tasks",
            [Some(id), None, ..] if !id.is_empty() => "/api/tasks/{id}",
            [Some(id), Some("complete"), None, ..] if !id.is_empty() => "/api/tasks/{id}/complete",
            _ => return None,
        },
        [Some("api"), Some("v1"), Some("tasks"), rest @ ..] => match rest {
            [None, ..] => "/api/v1/tasks",
            [Some(id), None, _] if !id.is_empty() => "/api/v1/tasks/{id}",
            [Some(id), Some("toggle"), None] if !id.is_empty() => "/api/v1/tasks/{id}/toggle",
            _ => return None,
        },
        [Some("api"), Some(user), Some("tasks"), rest @ ..] if !matches!(user, "" | "v1") => match rest {
            [None, ..] => "/api/{user_id}/tasks",
            [Some(id), None, _] if !id.is_empty() => "/api/{user_id}/tasks/{id}",
            [Some(id), Some("complete"), None] if !id.is_empty() => "/api/{user_id}/tasks/{id}/complete",
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::route_template;

    #[test]
    fn a_path_has_the_template_of_its_route() {
        for (path, template) in [
            ("/", Some("/")),
            ("/live", Some("/live")),
            ("/health/", Some("/health")),
            ("/docs/scalar.js", Some("/docs/{asset}")),
            ("/api/tasks", Some("/api/tasks")),
            ("/api/tasks/", Some("/api/tasks")),
            ("/api/tasks/7", Some("/api/tasks/{id}")),
            ("/api/tasks/%0a/complete", Some("/api/tasks/{id}/complete")),
            ("/api/v1/tasks", Some("/api/v1/tasks")),
            ("/api/v1/tasks/7/toggle", Some("/api/v1/tasks/{id}/toggle")),
            ("/api/a%40b.example/tasks", Some("/api/{user_id}/tasks")),
            ("/api/alice/tasks/7/", Some("/api/{user_id}/tasks/{id}")),
            ("/api/alice/tasks/7/complete", Some("/api/{user_id}/tasks/{id}/complete")),
            ("/api/tasks/tasks", Some("/api/tasks/{id}")),
        ] {
            assert_eq!(route_template(path), template, "{path}");
        }
    }

    #[test]
    fn a_path_of_no_route_has_none() {
        for path in [
            "*",
            "//",
            "/api",
            "/api/",
            "/nowhere",
            "/health/last",
            "/api//tasks",
            "/api/tasks//",
            "/api/tasks/7/toggle",
            "/api/tasks/7/complete/8",
            "/api/v1",
            "/api/v1/tasks/7/complete",
            "/api/v1/tasks/7/toggle/8",
            "/api/alice",
            "/api/alice/tasks/7/complete/8",
            "/api/alice/tasks/7/toggle",
        ] {
            assert_eq!(route_template(path), None, "{path}");
        }
    }
}
