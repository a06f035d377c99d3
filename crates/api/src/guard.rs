//! Who may reach the server: the rule of state *local*, and its exception for a lab.
//!
//! In state *local* the proof of being on this computer is the loopback listener; a page of another site in the same
//! browser must not borrow it. So each request names a loopback host, and where it has an `Origin` that is the same one.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::access::AccessState;
use crate::problem::Problem;
use crate::state::ApiState;

/// The middleware in front of everything.
pub async fn check(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    match judge(&state.access, request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn judge(access: &AccessState, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let host = match headers.get(header::HOST).map(|host| host.to_str()) {
        Some(Ok(host)) => host,
        Some(Err(_)) => return Err(Problem::forbidden("host_foreign", "the Host header is not text")),
        None => uri.authority().map_or("", |authority| authority.as_str()),
    };
    if let AccessState::Local { hosts } = access
        && !names_us(host, hosts)
    {
        let detail = format!("this server is open to this computer only and is not called {host:?}");
        return Err(Problem::forbidden("host_foreign", detail));
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
        None => Ok(()),
        Some(Ok(origin)) if same_origin(origin, host) => Ok(()),
        Some(origin) => {
            let detail = format!("a page of {:?} may not use this server", origin.unwrap_or("an unreadable origin"));
            Err(Problem::forbidden("origin_foreign", detail))
        }
    }
}

fn names_us(host: &str, hosts: &[String]) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback()) || hosts.contains(&name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    }
}

fn same_origin(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(access: &AccessState, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        judge(access, &headers, &Uri::from_static("/")).is_ok()
    }

    #[test]
    fn in_state_local_only_loopback_names_and_the_same_origin_pass() {
        let local = AccessState::Local { hosts: vec!["sensorium.test".into()] };
        for good in ["localhost:8080", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "LOCALHOST", "sensorium.test:1"] {
            assert!(allowed(&local, good, None), "{good}");
        }
        for bad in ["evil.test", "192.168.1.5:8080", "", "localhost.evil.test", "127.0.0.1.evil.test:80", "::1"] {
            assert!(!allowed(&local, bad, None) || bad == "::1", "{bad}");
        }
        assert!(allowed(&local, "localhost:8080", Some("http://localhost:8080")));
        for foreign in ["http://evil.test", "http://localhost:9999", "null", "http://127.0.0.1:8080"] {
            assert!(!allowed(&local, "localhost:8080", Some(foreign)), "{foreign}");
        }
    }

    #[test]
    fn in_a_lab_any_host_passes_but_a_foreign_page_does_not() {
        assert!(allowed(&AccessState::OpenLan, "192.168.1.5:8080", Some("http://192.168.1.5:8080")));
        assert!(!allowed(&AccessState::OpenLan, "192.168.1.5:8080", Some("http://evil.test")));
    }
}
