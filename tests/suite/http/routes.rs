//! All paths and their methods.

use http::Method;

use crate::world::World;

/// Every path with its methods, HEAD and OPTIONS aside.
pub const ROUTES: &[(&str, &[&str])] = &[
    ("/", &["GET"]),
    ("/openapi.json", &["GET"]),
    ("/docs", &["GET"]),
    ("/health", &["GET"]),
    ("/live", &["GET"]),
    ("/api/tasks", &["GET", "POST"]),
    ("/api/tasks/{id}", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/api/tasks/{id}/complete", &["PATCH"]),
    ("/api/v1/tasks", &["GET", "POST"]),
    ("/api/v1/tasks/{id}", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/api/v1/tasks/{id}/toggle", &["PATCH"]),
    ("/api/{user_id}/tasks", &["GET", "POST"]),
    ("/api/{user_id}/tasks/{id}", &["GET", "PUT", "PATCH", "DELETE"]),
    ("/api/{user_id}/tasks/{id}/complete", &["PATCH"]),
];

pub fn path(template: &str, user: &str, id: &str) -> String {
    template.replace("{user_id}", user).replace("{id}", id)
}

#[tokio::test]
async fn every_path_refuses_other_methods_and_names_its_own() {
    let world = World::shared().await;
    let anonymous = world.anonymous();

    for (template, methods) in ROUTES {
        let path = path(template, "alice", "7");
        let mut wanted = methods.to_vec();
        if methods.contains(&"GET") {
            wanted.push("HEAD");
        }
        wanted.push("OPTIONS");
        wanted.sort_unstable();

        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if methods.contains(&method) {
                continue;
            }
            let answer =
                anonymous.call(Method::from_bytes(method.as_bytes()).expect("a method"), &path).await;

            assert_eq!(answer.status(), 405, "{method} {path}");
            let mut allow: Vec<_> = answer.header("allow").split(", ").collect();
            allow.sort_unstable();
            assert_eq!(allow, wanted, "{method} {path}");
            assert!(answer.detail().contains("method"), "{method} {path}");
        }
    }
}
