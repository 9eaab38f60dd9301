//! The contract `/api/tasks`: its front end reads `error`, takes 400 for what is invalid, and parses what a DELETE
//! answers.

use http::StatusCode;
use serde_json::json as object;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::answer::{Response, Voice, json, ok};
use super::body::{Body, body};
use super::request::{Call, call, task_id};
use super::whole_list::whole_list;
use crate::refusal::Refusal;
use crate::tasks::{self, Pages};

const VOICE: Voice = Voice { invalid: StatusCode::BAD_REQUEST, also: Some("error") };

/// Every route of this contract.
pub fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let many = warp::path!("api" / "tasks");
    let list = many.and(warp::get()).and(call(app)).then(list).map(answer);
    let create = many.and(warp::post()).and(call(app)).and(body(app)).then(create).map(answer);
    let many_others = many.map(|| refuse(Refusal::MethodNotAllowed("GET, HEAD, POST, OPTIONS")));

    let one = warp::path!("api" / "tasks" / String);
    let read = one.and(warp::get()).and(call(app)).then(read).map(answer);
    let replace = one.and(warp::put()).and(call(app)).and(body(app)).then(replace).map(answer);
    let delete = one.and(warp::delete()).and(call(app)).then(delete).map(answer);
    let one_others = one.map(|_| refuse(Refusal::MethodNotAllowed("GET, HEAD, PUT, DELETE, OPTIONS")));

    let done = warp::path!("api" / "tasks" / String / "complete");
    let complete = done.and(warp::patch()).and(call(app)).and(body(app)).then(complete).map(answer);
    let done_others = done.map(|_| refuse(Refusal::MethodNotAllowed("PATCH, OPTIONS")));

    let many = list.or(create).unify().or(many_others).unify();
    let one = read.or(replace).unify().or(delete).unify().or(one_others).unify();
    let done = complete.or(done_others).unify();
    many.or(one).unify().or(done).unify().boxed()
}

/// GET /api/tasks
async fn list(call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let status = call.status()?;

    whole_list(Pages::new(caller, status)).await
}

/// POST /api/tasks
async fn create(call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let draft = body.members().await?.draft()?;

    let task = tasks::create(&caller, draft).await?;
    Ok(json(StatusCode::CREATED, &task))
}

/// GET /api/tasks/{id}
async fn read(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    let task = tasks::read(&caller, id).await?;
    Ok(ok(&task))
}

/// PUT /api/tasks/{id}. What is not mentioned stays.
async fn replace(id: String, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let replacement = body.members().await?.replacement()?;

    let task = tasks::replace(&caller, id, replacement).await?;
    Ok(ok(&task))
}

/// PATCH /api/tasks/{id}/complete
async fn complete(id: String, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let completed = body.members().await?.required_completed()?;

    let task = tasks::complete(&caller, id, completed).await?;
    Ok(ok(&task))
}

/// DELETE /api/tasks/{id}
async fn delete(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    tasks::delete(&caller, id).await?;
    Ok(ok(&object!({ "message": "Task deleted" })))
}

fn answer(outcome: Result<Response, Refusal>) -> Response {
    VOICE.answer(outcome)
}

fn refuse(refusal: Refusal) -> Response {
    VOICE.refuse(refusal)
}
