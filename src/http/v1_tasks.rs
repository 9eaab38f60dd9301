//! The contract `/api/v1/tasks`: lists come in pages, a toggle flips, and the front end reads `message`.

use http::StatusCode;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::answer::{Response, Voice, empty, json, ok};
use super::body::{Body, body};
use super::request::{Call, call, task_id};
use crate::refusal::Refusal;
use crate::tasks::{self, Window};

const VOICE: Voice = Voice { invalid: StatusCode::UNPROCESSABLE_ENTITY, also: Some("message") };

/// Every route of this contract.
pub fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let many = warp::path!("api" / "v1" / "tasks");
    let list = many.and(warp::get()).and(call(app)).then(list).map(answer);
    let create = many.and(warp::post()).and(call(app)).and(body(app)).then(create).map(answer);
    let many_others = many.map(|| refuse(Refusal::MethodNotAllowed("GET, HEAD, POST, OPTIONS")));

    let one = warp::path!("api" / "v1" / "tasks" / String);
    let read = one.and(warp::get()).and(call(app)).then(read).map(answer);
    let replace = one.and(warp::put()).and(call(app)).and(body(app)).then(replace).map(answer);
    let delete = one.and(warp::delete()).and(call(app)).then(delete).map(answer);
    let one_others = one.map(|_| refuse(Refusal::MethodNotAllowed("GET, HEAD, PUT, DELETE, OPTIONS")));

    let flip = warp::path!("api" / "v1" / "tasks" / String / "toggle");
    let toggle = flip.and(warp::patch()).and(call(app)).then(toggle).map(answer);
    let flip_others = flip.map(|_| refuse(Refusal::MethodNotAllowed("PATCH, OPTIONS")));

    let many = list.or(create).unify().or(many_others).unify();
    let one = read.or(replace).unify().or(delete).unify().or(one_others).unify();
    let flip = toggle.or(flip_others).unify();
    many.or(one).unify().or(flip).unify().boxed()
}

/// GET /api/v1/tasks
async fn list(call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let status = call.status()?;
    let limit = number(&call, "limit", 1..=1000, "limit must be a number from 1 to 1000")?.unwrap_or(100);
    let offset = number(&call, "offset", 0..=10_000, "offset must be a number from 0 to 10000")?.unwrap_or(0);

    let tasks = tasks::list(&caller, status, Window { limit: Some(limit), offset }).await?;
    Ok(ok(&tasks))
}

/// POST /api/v1/tasks
async fn create(call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let draft = body.members().await?.draft()?;

    let task = tasks::create(&caller, draft).await?;
    Ok(json(StatusCode::CREATED, &task))
}

/// GET /api/v1/tasks/{id}
async fn read(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    let task = tasks::read(&caller, id).await?;
    Ok(ok(&task))
}

/// PUT /api/v1/tasks/{id}. What is not mentioned stays.
async fn replace(id: String, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;
    let replacement = body.members().await?.replacement()?;

    let task = tasks::replace(&caller, id, replacement).await?;
    Ok(ok(&task))
}

/// PATCH /api/v1/tasks/{id}/toggle. Whatever the body says is ignored: its front end sends the state it wants.
async fn toggle(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    let task = tasks::toggle(&caller, id).await?;
    Ok(ok(&task))
}

/// DELETE /api/v1/tasks/{id}
async fn delete(id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller().await?;
    let id = task_id(&id)?;

    tasks::delete(&caller, id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn number(
    call: &Call,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
    otherwise: &'static str,
) -> Result<Option<i64>, Refusal> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && range.contains(&number) => Ok(Some(number)),
        _ => Err(Refusal::invalid(otherwise)),
    }
}

fn answer(outcome: Result<Response, Refusal>) -> Response {
    VOICE.answer(outcome)
}

fn refuse(refusal: Refusal) -> Response {
    VOICE.refuse(refusal)
}
