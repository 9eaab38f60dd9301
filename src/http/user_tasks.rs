//! The contract `/api/{user_id}/tasks` (U): the path names the user, and a PUT replaces the whole task.

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::body::{Body, body};
use super::request::{Call, PathUser, call, task_id};
use super::response::{ErrorFormat, Response, created, empty, ok};
use super::whole_list::whole_list;
use crate::refusal::Refusal;
use crate::tasks::{self, Edit};

pub(super) const ERRORS: ErrorFormat =
    ErrorFormat { invalid_status: StatusCode::UNPROCESSABLE_ENTITY, second_member: None };

/// What is percent-encoded of a user id in a path: all but the unreserved characters (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let list_path = warp::path!("api" / PathUser / "tasks");
    let list = list_path.and(warp::get()).and(call(app)).then(list).map(respond);
    let create = list_path.and(warp::post()).and(call(app)).and(body(app)).then(create).map(respond);
    let other_list_methods = list_path.map(|_| refuse(Refusal::MethodNotAllowed("GET, HEAD, POST, OPTIONS")));

    let task_path = warp::path!("api" / PathUser / "tasks" / String);
    let read = task_path.and(warp::get()).and(call(app)).then(read).map(respond);
    let replace = task_path.and(warp::put()).and(call(app)).and(body(app)).then(replace).map(respond);
    let edit = task_path.and(warp::patch()).and(call(app)).and(body(app)).then(edit).map(respond);
    let delete = task_path.and(warp::delete()).and(call(app)).then(delete).map(respond);
    let other_task_methods =
        task_path.map(|_, _| refuse(Refusal::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE, OPTIONS")));

    let complete_path = warp::path!("api" / PathUser / "tasks" / String / "complete");
    let complete = complete_path.and(warp::patch()).and(call(app)).and(body(app)).then(complete).map(respond);
    let other_complete_methods =
        complete_path.map(|_, _| refuse(Refusal::MethodNotAllowed("PATCH, OPTIONS")));

    let list_routes = list.or(create).unify().or(other_list_methods).unify();
    let task_routes =
        read.or(replace).unify().or(edit).unify().or(delete).unify().or(other_task_methods).unify();
    let complete_routes = complete.or(other_complete_methods).unify();
    list_routes.or(task_routes).unify().or(complete_routes).unify().boxed()
}

/// GET /api/{user_id}/tasks
async fn list(user: PathUser, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
    let status = call.status()?;

    whole_list(caller, status, call.envelopes().user_tasks.as_ref(), &call.response_memory()).await
}

/// POST /api/{user_id}/tasks
async fn create(user: PathUser, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
    let draft = body.members(&caller).await?.draft()?;

    let task = tasks::create(&caller, draft).await?;
    let list_path = format!("/api/{}/tasks", utf8_percent_encode(&task.user_id, ESCAPED));
    Ok(created(&list_path, &task))
}

/// GET /api/{user_id}/tasks/{id}
async fn read(user: PathUser, id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
    let id = task_id(&id)?;

    let task = tasks::read(&caller, id).await?;
    Ok(ok(&task))
}

/// PUT /api/{user_id}/tasks/{id}. An absent description is removed. `completed` keeps its value.
async fn replace(user: PathUser, id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
    let id = task_id(&id)?;
    let mut changes = body.members(&caller).await?.replacement()?;
    if changes.description == Edit::Keep {
        changes.description = Edit::Clear;
    }

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// PATCH /api/{user_id}/tasks/{id}. Changes the members that are there.
async fn edit(user: PathUser, id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
    let id = task_id(&id)?;
    let changes = body.members(&caller).await?.partial_changes()?;

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// PATCH /api/{user_id}/tasks/{id}/complete. Sets `completed` if the body has it, and flips it otherwise.
async fn complete(user: PathUser, id: String, call: Call, mut body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
    let id = task_id(&id)?;
    let changes = body.members_if_any(&caller).await?.unwrap_or_default().changes()?.or_flip();

    let task = tasks::edit(&caller, id, changes).await?;
    Ok(ok(&task))
}

/// DELETE /api/{user_id}/tasks/{id}
async fn delete(user: PathUser, id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller_in_path(&user).await?;
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
