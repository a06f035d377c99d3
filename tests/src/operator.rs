//! A person who looks: everything the API says, and every way to ask it wrongly.

use std::net::SocketAddr;

use serde_json::Value;
use simulator::api::{Api, Book};

use crate::story::expect;

/// Somebody with a browser or curl.
#[derive(Clone, Debug)]
pub struct Operator {
    http: SocketAddr,
    api: Api,
    agent: ureq::Agent,
}

/// An answer of the API, good or bad.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Method and path of what was asked.
    pub asked: String,
    /// The HTTP status.
    pub status: u16,
    /// The content type without its parameters, empty if there is none.
    pub content_type: String,
    /// The body, if it is JSON, else its text.
    pub body: Value,
}

impl Answer {
    /// Asserts that it is a problem a program can tell by its code and a person by its sentence, and returns the code.
    #[must_use]
    pub fn problem(&self, statuses: &[u16]) -> String {
        assert!(statuses.contains(&self.status), "{statuses:?} expected: {self:?}");
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
        let text = |name: &str| self.body[name].as_str().filter(|text| !text.is_empty());
        assert!(text("detail").is_some() && text("title").is_some(), "a problem is told in words: {self:?}");
        assert_eq!(self.body["status"].as_u64(), Some(u64::from(self.status)), "{self:?}");
        let code = text("code").unwrap_or_else(|| panic!("a problem has a code: {self:?}"));
        assert_eq!(self.body["type"], format!("/problems/{code}"), "{self:?}");
        code.to_owned()
    }
}

impl Operator {
    /// Looks at the server whose API is at `http`.
    #[must_use]
    pub fn at(http: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { http, api: Api::at(http), agent }
    }

    /// The address of the API.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Every reading of a series in the order of time; none for a device or metric that is not there yet.
    #[must_use]
    pub fn readings(&self, device: &str, metric: &str) -> Vec<(i64, Value)> {
        self.api.readings(device, metric).expect("readings are answered")
    }

    /// Every value of a series in the order of time.
    #[must_use]
    pub fn values(&self, device: &str, metric: &str) -> Vec<Value> {
        self.readings(device, metric).into_iter().map(|(_, value)| value).collect()
    }

    /// Waits until a series has exactly these values.
    pub fn expect_values(&self, device: &str, metric: &str, values: &[Value]) {
        expect(&format!("{device} {metric} to be {values:?}"), || {
            let found = self.values(device, metric);
            if found == values { Ok(()) } else { Err(found) }
        });
    }

    /// The books over all sources, which must balance.
    #[must_use]
    pub fn books(&self) -> Book {
        let books = self.api.books().expect("the books are answered");
        assert!(books.balanced && books.total.balances(), "the books must balance at any moment: {books:?}");
        for source in &books.sources {
            assert!(source.book.balances(), "the books of {} must balance: {:?}", source.source, source.book);
        }
        books.total
    }

    /// The books of one source; empty ones if nothing came from it.
    #[must_use]
    pub fn book(&self, source: &str) -> Book {
        let books = self.api.books().expect("the books are answered");
        books.sources.into_iter().find(|book| book.source == source).map(|found| found.book).unwrap_or_default()
    }

    /// Waits until nothing is in flight and returns the books.
    #[must_use]
    pub fn settled_books(&self) -> Book {
        expect("nothing to be in flight", || {
            let books = self.books();
            if books.messages.in_flight == 0 { Ok(books) } else { Err(Box::new(books)) }
        })
    }

    /// `GET` of a path below `/api/v1`, query included.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    /// `GET` that must succeed.
    #[must_use]
    pub fn see(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// `POST` of a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], Some(body.to_string().as_bytes()))
    }

    /// Any request below `/api/v1`.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        self.send_to(method, &format!("http://{}/api/v1{path}", self.http), headers, body)
    }

    /// Any request to a whole URL.
    #[must_use]
    pub fn send_to(&self, method: &str, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body).expect("a legal request")),
            None => self.agent.run(request.body(()).expect("a legal request")),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {url} is not answered: {error}"));
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("");
        let content_type = content_type.split(';').next().unwrap_or("").trim().to_owned();
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let asked = format!("{method} {url}");
        Answer { asked, status, content_type, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }
}
