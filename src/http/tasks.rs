//! The contract `/api/tasks` (T): invalid values are a 400, errors repeat their text in `error`, and a DELETE responds with
//! JSON.

use http::StatusCode;
use serde_json::json as object;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::body::{Body, body};
use super::request::{Call, call, task_id};
use super::response::{ErrorFormat, Response, created, ok};
use super::whole_list::whole_list;
use crate::refusal::Refusal;
use crate::tasks::{self, Changes};

pub(super) const ERRORS: ErrorFormat =
    ErrorFormat { invalid_status: StatusCode::BAD_REQUEST, second_member: Some("error") };

/// What a DELETE answers: the front end of this contract parses JSON.
pub(super) const DELETED: &str = "Task deleted";

pub fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let list_path = warp::path!("api" / "tasks");
    let list = list_path.and(warp::get()).and(call(app)).then(list).map(respond);
    let create = list_path.and(warp::post()).and(call(app)).and(body(app)).then(create).map(respond);
    let other_list_methods = list_path.map(|| refuse(Refusal::MethodNotAllowed("GET, HEAD, POST, OPTIONS")));

    let task_path = warp::path!("api" / "tasks" / String);
    let read = task_path.and(warp::get()).and(call(app)).then(read).map(respond);
    let replace = task_path.and(warp::put()).and(call(app)).and(body(app)).then(replace).map(respond);
    let edit = task_path.and(warp::patch()).and(call(app)).and(body(app)).then(edit).map(respond);
    let delete = task_path.and(warp::delete()).and(call(app)).then(delete).map(respond);
    let other_task_methods =
        task_path.map(|_| refuse(Refusal::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE, OPTIONS")));

    let complete_path = warp::path!("api" / "tasks" / String / "complete");
    let complete = complete_path.and(warp::patch()).and(call(app)).and(body(app)).then(complete).map(respond);
    let other_complete_methods = complete_path.map(|_| refuse(Refusal::MethodNotAllowed("PATCH, OPTIONS")));

    let list_routes = list.or(create).unify().or(other_list_methods).unify();
    let task_routes =
        read.or(replace).unify().or(edit).unify().or(delete).unify().or(other_task_methods).unify();
    let complete_routes = complete.or(other_complete_methods).unify();
    list_routes.or(task_routes).unify().or(complete_routes).unify().boxed()
}

/// GET /api/tasks
async fn list(call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let status = call.status()?;

    whole_list(caller, status, call.envelopes().tasks.as_ref(), &call.response_memory()).await
}

/// POST /api/tasks
async fn create(call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let draft = body.members(&caller).await?.draft()?;

    let task = tasks::create(&caller, draft).await?;
    Ok(created("/api/tasks", &task))
}

/// GET /api/tasks/{id}
async fn read(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    let task = tasks::read(&caller, id).await?;
    Ok(ok(&task))
}

/// PUT /api/tasks/{id}. Absent members keep their values.
async fn replace(id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let changes = body.members(&caller).await?.replacement()?;

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// PATCH /api/tasks/{id}. Changes the members that are there.
async fn edit(id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let changes = body.members(&caller).await?.partial_changes()?;

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// PATCH /api/tasks/{id}/complete. Sets `completed`, or flips it if there is no body: public front ends send none.
async fn complete(id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let changes = match body.members_if_any(&caller).await? {
        Some(members) => members.completion()?,
        None => Changes::default().or_flip(),
    };

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// DELETE /api/tasks/{id}
async fn delete(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    tasks::delete(&caller, id).await?;
    Ok(ok(&object!({ "message": DELETED })))
}

fn respond(outcome: Result<Response, Refusal>) -> Response {
    ERRORS.respond(outcome)
}

fn refuse(refusal: Refusal) -> Response {
    ERRORS.refuse(refusal)
}
