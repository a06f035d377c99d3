//! The public API: HTTP, the live WebSocket, and their OpenAPI document. The page has nothing but this.
//!
//! Handlers translate between the wire and the ports; they decide nothing about readings. Every error leaves through
//! `problem`.

mod about;
mod access;
mod books;
mod brokers;
mod bulk;
mod calibrated;
mod calibration;
mod changes;
mod creations;
mod delivery;
mod device_health;
mod devices;
mod export;
mod guard;
mod health;
mod hiding;
mod imports;
mod inbox;
mod line_write;
mod live;
mod metrics;
mod packed;
mod params;
mod problem;
mod publish;
mod readings;
mod refusals;
mod refused;
mod removal;
mod retention;
mod rules;
mod sources;
mod state;
mod system;
mod telling;
mod topics;
mod windows_of;
mod wire;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access::{AccessState, Hosts};
pub use creations::{CREATIONS_MAX, Creations};
pub use imports::Imports;
pub use state::{About, ApiState, DemoControl, MoreMetrics, QUERIES_MAX};

use problem::Problem;

/// Largest request body in bytes; more is refused with 413.
pub const BODY_BYTES_MAX: usize = 1024 * 1024 + 64 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(title = "Sensorium", description = "Collects, keeps and shows what sensors measure."),
    paths(publish::publish, live::live),
    components(schemas(devices::Archived, devices::Sort, devices::StatusWord, export::Format, readings::Direction))
)]
struct Document;

fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(devices::list, devices::create))
        .routes(routes!(devices::show, changes::change, removal::delete))
        .routes(routes!(changes::hardware))
        .routes(routes!(changes::forget_hardware))
        .routes(routes!(bulk::bulk))
        .routes(routes!(calibration::show, calibration::put))
        .routes(routes!(removal::restore))
        .routes(routes!(removal::merge))
        .routes(routes!(removal::ignored, removal::ignore))
        .routes(routes!(removal::hear_again))
        .routes(routes!(hiding::hide))
        .routes(routes!(hiding::unhide))
        .routes(routes!(hiding::hidden))
        .routes(routes!(retention::show, retention::set))
        .routes(routes!(retention::cancel))
        .routes(routes!(retention::confirm_clock))
        .routes(routes!(retention::preview))
        .routes(routes!(readings::readings))
        .routes(routes!(telling::tell))
        .routes(routes!(line_write::write))
        .routes(routes!(windows_of::one, windows_of::many))
        .routes(routes!(readings::latest))
        .routes(routes!(books::books))
        .routes(routes!(sources::sources))
        .routes(routes!(brokers::list, brokers::create))
        .routes(routes!(brokers::show, brokers::change, brokers::remove))
        .routes(routes!(brokers::seen))
        .routes(routes!(imports::list, imports::begin))
        .routes(routes!(imports::preview))
        .routes(routes!(imports::show, imports::cancel))
        .routes(routes!(inbox::messages))
        .routes(routes!(inbox::retry))
        .routes(routes!(inbox::heard))
        .routes(routes!(rules::list, rules::create))
        .routes(routes!(rules::show, rules::change, rules::remove))
        .routes(routes!(rules::order))
        .routes(routes!(rules::test))
        .routes(routes!(rules::suggest))
        .routes(routes!(rules::retry))
        .routes(routes!(refused::refused))
        .routes(routes!(device_health::health))
        .routes(routes!(device_health::events))
        .routes(routes!(topics::list))
        .routes(routes!(topics::trace))
        .routes(routes!(about::about))
        .routes(routes!(about::hide_demo))
        .routes(routes!(system::system))
        .routes(routes!(health::health))
        .routes(routes!(metrics::metrics))
}

/// The OpenAPI document of everything the router answers.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document
}

/// Everything under `/api`, `/health`, `/metrics` and `/openapi.json`; all else is answered by `page`.
pub fn router(state: ApiState, page: Router) -> Router {
    let api: Router<ApiState> = routes().into();
    api.route("/api/v1/ingest/{*topic}", post(publish::publish))
        .route("/api/v1/devices/bulk", bulk::device_of_that_name())
        .route("/write", post(line_write::write))
        .route("/api/v1/live", get(live::live))
        .route("/openapi.json", get(|| async { axum::Json(openapi()) }))
        .route("/api", get(unknown_path))
        .route("/api/{*rest}", axum::routing::any(unknown_path))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(packed::unpack))
        .layer(from_fn(no_store))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state.clone())
        .fallback_service(page)
        .layer(from_fn_with_state(state, guard::check))
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found("path_unknown", format!("nothing is served at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::method(format!("{} does not take {method}", uri.path()))
}

async fn no_store(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let mut response = next.run(request).await.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
