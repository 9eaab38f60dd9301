//! The contract `/api/{user_id}/tasks`: the path names the user, and a PUT carries the whole editable task.

use http::StatusCode;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::answer::{Response, Voice, empty, json, ok};
use super::body::{Body, body};
use super::request::{Call, PathUser, call, task_id};
use super::whole_list::whole_list;
use crate::refusal::Refusal;
use crate::tasks::{self, Draft, Edit, Pages, Replacement};

const VOICE: Voice = Voice { invalid: StatusCode::UNPROCESSABLE_ENTITY, also: None };

/// Every route of this contract.
pub fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let many = warp::path!("api" / PathUser / "tasks");
    let list = many.and(warp::get()).and(call(app)).then(list).map(answer);
    let create = many.and(warp::post()).and(call(app)).and(body(app)).then(create).map(answer);
    let many_others = many.map(|_| refuse(Refusal::MethodNotAllowed("GET, HEAD, POST, OPTIONS")));

    let one = warp::path!("api" / PathUser / "tasks" / String);
    let read = one.and(warp::get()).and(call(app)).then(read).map(answer);
    let replace = one.and(warp::put()).and(call(app)).and(body(app)).then(replace).map(answer);
    let set = one.and(warp::patch()).and(call(app)).and(body(app)).then(set).map(answer);
    let delete = one.and(warp::delete()).and(call(app)).then(delete).map(answer);
    let one_others =
        one.map(|_, _| refuse(Refusal::MethodNotAllowed("GET, HEAD, PUT, PATCH, DELETE, OPTIONS")));

    let done = warp::path!("api" / PathUser / "tasks" / String / "complete");
    let complete = done.and(warp::patch()).and(call(app)).and(body(app)).then(complete).map(answer);
    let done_others = done.map(|_, _| refuse(Refusal::MethodNotAllowed("PATCH, OPTIONS")));

    let many = list.or(create).unify().or(many_others).unify();
    let one = read.or(replace).unify().or(set).unify().or(delete).unify().or(one_others).unify();
    let done = complete.or(done_others).unify();
    many.or(one).unify().or(done).unify().boxed()
}

/// GET /api/{user_id}/tasks
async fn list(user: PathUser, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
    let status = call.status()?;

    whole_list(Pages::new(caller, status)).await
}

/// POST /api/{user_id}/tasks
async fn create(user: PathUser, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
    let draft = body.members().await?.draft()?;

    let task = tasks::create(&caller, draft).await?;
    Ok(json(StatusCode::CREATED, &task))
}

/// GET /api/{user_id}/tasks/{id}
async fn read(user: PathUser, id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
    let id = task_id(&id)?;

    let task = tasks::read(&caller, id).await?;
    Ok(ok(&task))
}

/// PUT /api/{user_id}/tasks/{id}. Without a description there is none afterwards; `completed` is not its business.
async fn replace(user: PathUser, id: String, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
    let id = task_id(&id)?;
    let Draft { title, description } = body.members().await?.draft()?;
    let description = description.map_or(Edit::Clear, Edit::Set);

    let task = tasks::replace(&caller, id, Replacement { title, description, completed: None }).await?;
    Ok(ok(&task))
}

/// PATCH /api/{user_id}/tasks/{id}
async fn set(user: PathUser, id: String, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
    let id = task_id(&id)?;
    let completed = body.members().await?.required_completed()?;

    let task = tasks::complete(&caller, id, completed).await?;
    Ok(ok(&task))
}

/// PATCH /api/{user_id}/tasks/{id}/complete. Sets what the body says, and flips where it says nothing.
async fn complete(user: PathUser, id: String, call: Call, body: Body) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
    let id = task_id(&id)?;
    let completed = body.members_if_any().await?.completed()?;

    let task = match completed {
        Some(completed) => tasks::complete(&caller, id, completed).await?,
        None => tasks::toggle(&caller, id).await?,
    };
    Ok(ok(&task))
}

/// DELETE /api/{user_id}/tasks/{id}
async fn delete(user: PathUser, id: String, call: Call) -> Result<Response, Refusal> {
    let caller = call.caller_named(&user).await?;
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
