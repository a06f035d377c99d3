//! The page through its public door: whatever page was found at build time, even the placeholder.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use tower::ServiceExt;

async fn ask(request: Request<Body>) -> Response<Body> {
    let page: Router = ui_assets::router();
    page.oneshot(request).await.expect("the page answers every request")
}

async fn get(path: &str) -> Response<Body> {
    ask(Request::get(path).body(Body::empty()).expect("a request")).await
}

fn text(response: &Response<Body>, name: header::HeaderName) -> &str {
    response.headers().get(name).map(|value| value.to_str().expect("readable")).unwrap_or_default()
}

#[tokio::test]
async fn every_route_gets_the_frame_under_a_strict_policy() {
    for path in ["/", "/device?key=esp32%2Fdht", "/inbox", "/nowhere"] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(text(&response, header::CONTENT_TYPE).starts_with("text/html"));
        assert_eq!(text(&response, header::CACHE_CONTROL), "no-cache");
        assert_eq!(text(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(text(&response, header::REFERRER_POLICY), "no-referrer");
        let policy = text(&response, header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_the_frame() {
    for path in ["/robots.exe", "/assets/index-none.js", "/../Cargo.toml", "/.sources"] {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_the_reader_has_is_not_sent_again() {
    let first = get("/").await;
    let tag = text(&first, header::ETAG).to_owned();
    let again = Request::get("/").header(header::IF_NONE_MATCH, &tag).body(Body::empty()).expect("a request");
    let second = ask(again).await;
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(text(&second, header::ETAG), tag);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let response = ask(Request::post("/").body(Body::empty()).expect("a request")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(text(&response, header::ALLOW), "GET, HEAD");
}
