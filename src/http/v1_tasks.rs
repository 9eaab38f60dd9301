//! The contract `/api/v1/tasks`: lists come in pages, a toggle flips, and the front end reads `message`.

mod listing;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, LINK};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::answer::{self, Response, Voice, empty, json, ok, with};
use super::body::{Body, body};
use super::request::{Call, call, task_id};
use crate::refusal::Refusal;
use crate::tasks;
use listing::Asked;

const VOICE: Voice = Voice { invalid: StatusCode::UNPROCESSABLE_ENTITY, also: Some("message") };

/// How many tasks the whole list has.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

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
    let asked = Asked::read(&call, &caller, call.cursors())?;
    let window = asked.window.clone();

    let (page, count) = if asked.counted {
        let (page, count) = tasks::page_and_count(&caller, &asked.listing, window).await?;
        (page, Some(count))
    } else {
        (tasks::page(&caller, &asked.listing, window).await?, None)
    };

    let tasks = page.tasks()?;
    let mut response = answer::list(&tasks, caller.user())?;
    let last = tasks.last().filter(|_| page.goes_on).map(|last| asked.listing.position(last));
    let next = last.and_then(|last| asked.next(&last, &caller, call.cursors()));
    if let Some(next) = next.and_then(|next| HeaderValue::try_from(next).ok()) {
        response = with(response, LINK, next);
    }
    if let Some(count) = count {
        response = with(response, TOTAL_COUNT, count.into());
    }
    Ok(response)
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

fn answer(outcome: Result<Response, Refusal>) -> Response {
    VOICE.answer(outcome)
}

fn refuse(refusal: Refusal) -> Response {
    VOICE.refuse(refusal)
}
