//! What is counted of requests. The handles are kept by route, method and status, so that a request looks up no name.
//!
//! Every label has few values, whatever clients send: a path becomes the template of its route, and a method that no route
//! knows becomes `other`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use http::{Method, StatusCode};

use crate::refusal::{RateLimited, Refusal, TokenProblem};

/// The status of a request whose client left before its answer, and that changed nothing. It is the number that nginx gives
/// such requests.
const CLIENT_LEFT: u16 = 499;

/// Every status that the server answers with, with its text.
const STATUSES: [(u16, &str); 20] = [
    (200, "200"),
    (201, "201"),
    (204, "204"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (CLIENT_LEFT, "499"),
    (500, "500"),
    (503, "503"),
    // Any other one.
    (0, OTHER),
];

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];

/// The label of a method, or a status, that is not in the list. It stands last.
const OTHER: &str = "other";

/// The label of a path that no route has.
const NONE: &str = "none";

/// A route with its methods.
struct Route {
    contract: &'static str,
    /// Its path, as `route_template` has it.
    template: &'static str,
    /// Its methods, with the status that each has if all is well. OPTIONS and HEAD are left out.
    methods: &'static [(&'static str, u16)],
}

/// The paths of lists, of single tasks, and of changes of their state.
const fn contract(contract: &'static str, paths: [&'static str; 3]) -> [Route; 3] {
    let [list, task, change] = paths;
    // A DELETE of /api/tasks answers 200, which comes with its first request.
    const TASK_METHODS: &[(&str, u16)] = &[("GET", 200), ("PUT", 200), ("PATCH", 200), ("DELETE", 204)];
    [
        Route { contract, template: list, methods: &[("GET", 200), ("POST", 201)] },
        Route { contract, template: task, methods: TASK_METHODS },
        Route { contract, template: change, methods: &[("PATCH", 200)] },
    ]
}

static CONTRACTS: [[Route; 3]; 3] = [
    contract("api_tasks", ["/api/tasks", "/api/tasks/{id}", "/api/tasks/{id}/complete"]),
    contract("api_v1_tasks", ["/api/v1/tasks", "/api/v1/tasks/{id}", "/api/v1/tasks/{id}/toggle"]),
    contract(
        "user_tasks",
        ["/api/{user_id}/tasks", "/api/{user_id}/tasks/{id}", "/api/{user_id}/tasks/{id}/complete"],
    ),
];

const fn server(template: &'static str) -> Route {
    Route { contract: "server", template, methods: &[("GET", 200)] }
}

static SERVER: [Route; 7] = [
    server("/health"),
    server("/live"),
    server("/"),
    server("/openapi.json"),
    server("/docs"),
    server("/docs/{asset}"),
    Route { contract: "server", template: "/docs/token", methods: &[] },
];

static NO_ROUTE: Route = Route { contract: NONE, template: NONE, methods: &[] };

fn routes() -> impl Iterator<Item = &'static Route> {
    CONTRACTS.iter().flatten().chain(&SERVER).chain([&NO_ROUTE])
}

/// What is counted of requests and connections.
pub(super) struct HttpMetrics {
    /// By route, in the order of [`routes`], and by method.
    series: Vec<[Arc<Series>; METHODS.len()]>,
    failures: Vec<(TokenProblem, Counter)>,
    other_user: Counter,
    limited: [(&'static str, Counter); 2],
    pub(super) refused_origins: Counter,
    pub(super) refused_connections: Counter,
    pub(super) open_connections: Gauge,
    pub(super) connections_limit: Gauge,
}

/// The series of one method of one route. Each begins with its first request, or with the server.
pub(super) struct Series {
    route: &'static Route,
    method: &'static str,
    by_status: [OnceLock<Counter>; STATUSES.len()],
    durations: OnceLock<Histogram>,
}

impl HttpMetrics {
    /// Begins every series that an alert needs: otherwise the first failure would be no increase.
    pub(super) fn new() -> Arc<Self> {
        let failure =
            |reason: &'static str| counter!("rowkeep_authentication_failures_total", "reason" => reason);
        let limit = |limit: &'static str| (limit, counter!("rowkeep_rate_limited_total", "limit" => limit));
        Arc::new(Self {
            series: routes()
                .map(|route| METHODS.map(|method| Arc::new(Series::new(route, method))))
                .collect(),
            failures: TokenProblem::ALL.map(|problem| (problem, failure(problem.word()))).into(),
            other_user: failure("other_user"),
            limited: [limit("user"), limit("address")],
            refused_origins: counter!("rowkeep_origins_refused_total"),
            refused_connections: counter!("rowkeep_http_connections_refused_total"),
            open_connections: gauge!("rowkeep_http_connections"),
            connections_limit: gauge!("rowkeep_http_connections_limit"),
        })
    }

    /// The series of a request.
    pub(super) fn series(&self, method: &Method, template: Option<&str>) -> Option<Arc<Series>> {
        let template = template.unwrap_or(NONE);
        let row = self.series.get(routes().position(|route| route.template == template)?)?;
        let known = METHODS.iter().position(|known| *known == method.as_str());
        row.get(known.unwrap_or(METHODS.len() - 1)).cloned()
    }

    /// Counts a request that is not complete, and so has no route.
    pub(super) fn incomplete(&self, status: u16) {
        if let Some(series) = self.series.last().and_then(|row| row.last()) {
            series.count(status, 1);
        }
    }

    /// Counts why a caller is refused.
    pub(super) fn refused(&self, refusal: &Refusal) {
        match refusal {
            Refusal::NoToken(_) => self.failure(TokenProblem::Missing),
            Refusal::InvalidToken { problem, .. } => self.failure(*problem),
            Refusal::OtherUser => self.other_user.increment(1),
            Refusal::TooManyRequests(RateLimited { policy, .. }) => {
                let mut limits = self.limited.iter();
                if let Some((_, counter)) = limits.find(|(limit, _)| limit == policy) {
                    counter.increment(1);
                }
            }
            _ => {}
        }
    }

    fn failure(&self, problem: TokenProblem) {
        let mut failures = self.failures.iter();
        if let Some((_, counter)) = failures.find(|(known, _)| *known == problem) {
            counter.increment(1);
        }
    }
}

impl Series {
    fn new(route: &'static Route, method: &'static str) -> Self {
        let series = Self {
            route,
            method,
            by_status: std::array::from_fn(|_| OnceLock::new()),
            durations: OnceLock::new(),
        };
        if let Some((_, usual)) = route.methods.iter().find(|(known, _)| *known == method) {
            for status in [*usual, 500, 503] {
                series.count(status, 0);
            }
            series.durations();
        }
        series
    }

    fn counter(&self, status: u16) -> Option<&Counter> {
        let at = STATUSES.iter().position(|(known, _)| *known == status).unwrap_or(STATUSES.len() - 1);
        let (_, label) = STATUSES.get(at)?;
        let counter = || {
            counter!(
                "rowkeep_http_requests_total",
                "contract" => self.route.contract,
                "route" => self.route.template,
                "method" => self.method,
                "status" => *label
            )
        };
        Some(self.by_status.get(at)?.get_or_init(counter))
    }

    fn count(&self, status: u16, requests: u64) {
        if let Some(counter) = self.counter(status) {
            counter.increment(requests);
        }
    }

    fn durations(&self) -> &Histogram {
        self.durations.get_or_init(|| {
            histogram!(
                "rowkeep_http_request_duration_seconds",
                "contract" => self.route.contract,
                "route" => self.route.template,
                "method" => self.method
            )
        })
    }

    /// Counts a request that has its answer, or none because its client left and nothing was changed.
    pub(super) fn ended(&self, status: Option<StatusCode>, time: Duration) {
        self.count(status.map_or(CLIENT_LEFT, |status| status.as_u16()), 1);
        self.durations().record(time);
    }
}

#[cfg(test)]
mod tests {
    use super::super::route_template::route_template;
    use super::*;

    #[test]
    fn every_template_is_that_of_a_path() {
        for route in routes().filter(|route| route.contract != NONE) {
            let path =
                route.template.replace("{user_id}", "alice").replace("{id}", "7").replace("{asset}", "x");
            assert_eq!(route_template(&path), Some(route.template));
        }
    }

    #[test]
    fn a_method_or_a_status_that_is_not_known_is_counted_as_other() {
        let metrics = HttpMetrics::new();
        let series = |method: &[u8], template| {
            metrics.series(&Method::from_bytes(method).expect("a method"), template).expect("a series")
        };

        assert_eq!(series(b"GET", Some("/api/tasks")).method, "GET");
        assert_eq!(series(b"get", Some("/api/tasks")).method, OTHER);
        assert_eq!(series(b"BREW", None).method, OTHER);
        assert_eq!(series(b"BREW", None).route.template, NONE);
        let other = series(b"BREW", None);
        other.count(418, 1);
        other.count(299, 1);
        let begun = other.by_status.iter().filter(|counter| counter.get().is_some()).count();
        assert_eq!(begun, 1);
    }
}
