//! The contract `/api/v1/tasks` (V): lists are paged, a toggle flips, and errors repeat their text in `message`.

mod page_request;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, LINK};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::body::{Body, body};
use super::envelope::Envelope;
use super::request::{Call, call, task_id};
use super::response::{self, ErrorFormat, Response, append_json, created, empty, ok, with_header};
use crate::refusal::Refusal;
use crate::tasks::{self, Changes};
use page_request::PageRequest;
#[cfg(any(test, fuzzing))]
pub(super) use page_request::fuzz;
pub(super) use page_request::{DEFAULT_LIMIT, LIMIT, LIMIT_NAMES, OFFSET, OFFSET_NAMES, SORTS, TEXT_NAMES};

pub(super) const ERRORS: ErrorFormat =
    ErrorFormat { invalid_status: StatusCode::UNPROCESSABLE_ENTITY, second_member: Some("message") };

/// The length of the whole list.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

pub fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let list_path = warp::path!("api" / "v1" / "tasks");
    let list = list_path.and(warp::get()).and(call(app)).then(list).map(respond);
    let create = list_path.and(warp::post()).and(call(app)).and(body(app)).then(create).map(respond);
    let other_list_methods = list_path.map(|| refuse(Refusal::MethodNotAllowed("GET, HEAD, POST, OPTIONS")));

    let task_path = warp::path!("api" / "v1" / "tasks" / String);
    let read = task_path.and(warp::get()).and(call(app)).then(read).map(respond);
    let replace = task_path.and(warp::put()).and(call(app)).and(body(app)).then(replace).map(respond);
    let edit = task_path.and(warp::patch()).and(call(app)).and(body(app)).then(edit).map(respond);
    let delete = task_path.and(warp::delete()).and(call(app)).then(delete).map(respond);
    let other_task_methods =
        task_path.map(|_| refuse(Refusal::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE, OPTIONS")));

    let toggle_path = warp::path!("api" / "v1" / "tasks" / String / "toggle");
    let toggle = toggle_path.and(warp::patch()).and(call(app)).then(toggle).map(respond);
    let other_toggle_methods = toggle_path.map(|_| refuse(Refusal::MethodNotAllowed("PATCH, OPTIONS")));

    let list_routes = list.or(create).unify().or(other_list_methods).unify();
    let task_routes =
        read.or(replace).unify().or(edit).unify().or(delete).unify().or(other_task_methods).unify();
    let toggle_routes = toggle.or(other_toggle_methods).unify();
    list_routes.or(task_routes).unify().or(toggle_routes).unify().boxed()
}

/// GET /api/v1/tasks
async fn list(call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let request = PageRequest::read(&call, &caller)?;
    let (window, envelope) = (request.window.clone(), call.envelopes().v1_tasks.as_ref());

    let (page, count) = if request.with_count || envelope.is_some() {
        let (page, count) = tasks::page_and_count(&caller, &request.listing, window).await?;
        (page, Some(count))
    } else {
        (tasks::page(&caller, &request.listing, window).await?, None)
    };

    let (tasks, cursors) = (page.tasks()?, call.cursors()?);
    let mut json = envelope.map(Envelope::beginning).unwrap_or_default().into_bytes();
    append_json(&mut json, &tasks);
    if let (Some(envelope), Some(count)) = (envelope, count) {
        json.extend(envelope.end(count, Some(&request.window)).into_bytes());
    }
    let mut response = response::list(json, caller.user(), &call.response_memory()).await?;
    let last = tasks.last().filter(|_| page.has_more).map(|last| request.listing.position(last));
    let next = last.and_then(|last| request.link_to_next(&last, &caller, cursors));
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        response = with_header(response, LINK, next);
    }
    if let Some(count) = count.filter(|_| request.with_count) {
        response = with_header(response, TOTAL_COUNT, count.into());
    }
    Ok(response)
}

/// POST /api/v1/tasks
async fn create(call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let draft = body.members(&caller).await?.draft()?;

    let task = tasks::create(&caller, draft).await?;
    Ok(created("/api/v1/tasks", &task))
}

/// GET /api/v1/tasks/{id}
async fn read(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    let task = tasks::read(&caller, id).await?;
    Ok(ok(&task))
}

/// PUT /api/v1/tasks/{id}. Absent members keep their values.
async fn replace(id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let changes = body.members(&caller).await?.replacement()?;

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// PATCH /api/v1/tasks/{id}. Changes the members that are there.
async fn edit(id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let changes = body.members(&caller).await?.partial_changes()?;

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// PATCH /api/v1/tasks/{id}/toggle. Ignores the body: the front end sends the state that it expects.
async fn toggle(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    let task = tasks::edit(&caller, id, Changes::default().or_flip()).await?;
    Ok(ok(&task))
}

/// DELETE /api/v1/tasks/{id}
async fn delete(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    tasks::delete(&caller, id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn respond(outcome: Result<Response, Refusal>) -> Response {
    ERRORS.respond(outcome)
}

fn refuse(refusal: Refusal) -> Response {
    ERRORS.refuse(refusal)
}
