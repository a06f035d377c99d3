//! The page inside the executable: found or built by `build.rs`, embedded by `rust-embed`, answered here.
//!
//! Release builds carry the files; debug builds read them from disk, so that a change of the page needs only a reload.
//! Nothing is compressed while a reader waits: the page's build leaves a `.br` and a `.gz` beside each file. Every answer
//! carries the strict content security policy. This crate knows nothing of the API and answers only what nothing else does.

mod negotiate;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};

use negotiate::{Encoding, accepted, matches_tag};

#[derive(Embed)]
#[folder = "$UI_ASSETS_DIR"]
struct Page;

/// The frame of the page, which also answers for its routes.
const INDEX: &str = "index.html";
/// Files in here carry a hash of their content in their name.
const HASHED: &str = "assets/";

/// Only this host, no inline code, no frames. WebSockets of the same origin are covered by `connect-src 'self'`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves the page for every path that nothing else answers. A path without a dot is a route of the page and gets its
/// frame; a path with a dot is a file or 404. Other methods than GET and HEAD get 405.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().fallback(serve)
}

async fn serve(request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let Some(name) = file_name(request.uri().path()) else {
        return with_safety(StatusCode::NOT_FOUND.into_response());
    };
    match find(name, request.headers()) {
        Some((file, encoding)) => with_safety(answer(name, file, encoding, request.headers())),
        None => with_safety(StatusCode::NOT_FOUND.into_response()),
    }
}

/// The file for a path; `None` for what is never served under its own name.
fn file_name(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    if !last.contains('.') {
        return Some(INDEX);
    }
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    let is_compressed = Encoding::ALL.iter().any(|encoding| path.ends_with(encoding.suffix()));
    (!is_hidden && !is_compressed).then_some(path)
}

/// The smallest form of the file that the client takes.
fn find(name: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<Encoding>)> {
    for encoding in accepted(headers) {
        if let Some(file) = Page::get(&format!("{name}{}", encoding.suffix())) {
            return Some((file, Some(encoding)));
        }
    }
    Page::get(name).map(|file| (file, None))
}

fn answer(name: &str, file: EmbeddedFile, encoding: Option<Encoding>, asked: &HeaderMap) -> Response {
    let tag = tag_of(&file);
    let mut response = if matches_tag(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, value);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(freshness(name)));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

/// Half of the SHA-256 of the bytes that are sent, so each encoding has a tag of its own.
fn tag_of(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// A name with a hash never changes its content; everything else is asked for again.
fn freshness(name: &str) -> &'static str {
    if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn with_safety(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_get_the_frame_and_files_get_themselves() {
        assert_eq!(file_name("/"), Some(INDEX));
        assert_eq!(file_name("/device"), Some(INDEX));
        assert_eq!(file_name("/v1.2/device"), Some(INDEX));
        assert_eq!(file_name("/assets/index-a1.js"), Some("assets/index-a1.js"));
    }

    #[test]
    fn the_stamp_and_the_compressed_forms_have_no_name_of_their_own() {
        assert_eq!(file_name("/.sources"), None);
        assert_eq!(file_name("/assets/../../.git/config.x"), None);
        assert_eq!(file_name("/index.html.br"), None);
        assert_eq!(file_name("/index.html.gz"), None);
    }

    #[test]
    fn only_hashed_names_are_kept_for_good() {
        assert!(freshness("assets/index-a1.js").contains("immutable"));
        assert_eq!(freshness(INDEX), "no-cache");
        assert_eq!(freshness("theme.js"), "no-cache");
    }
}
