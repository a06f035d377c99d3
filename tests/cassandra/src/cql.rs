//! Enough of Cassandra's protocol (version 4, plain text) to ask whether a node answers, to make and drop keyspaces, and to look
//! at what a client under test wrote.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::fault::Fault;

/// How long an answer may take. A keyspace with many tables is dropped slowly on a loaded machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

const ERROR: u8 = 0x00;
const STARTUP: u8 = 0x01;
const READY: u8 = 0x02;
const AUTHENTICATE: u8 = 0x03;
const OPTIONS: u8 = 0x05;
const SUPPORTED: u8 = 0x06;
const QUERY: u8 = 0x07;
const RESULT: u8 = 0x08;
const AUTH_RESPONSE: u8 = 0x0f;
const AUTH_SUCCESS: u8 = 0x10;

const ROWS: i32 = 2;
const CONSISTENCY_ONE: u16 = 1;
const CONSISTENCY_ALL: u16 = 5;

/// The cells of a row as Cassandra writes them; none for a null.
pub type Row = Vec<Option<Vec<u8>>>;

/// A connection.
#[derive(Debug)]
pub struct Cql {
    stream: TcpStream,
    address: SocketAddr,
}

impl Cql {
    /// Connects without a login.
    ///
    /// # Errors
    /// Nobody answers, or a login is wanted.
    pub fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let mut cql = Self::open(address)?;
        cql.start_up()?.then_some(cql).ok_or_else(|| Fault::new(format!("Cassandra at {address} wants a login")))
    }

    /// Connects with a login, if one is wanted.
    ///
    /// # Errors
    /// Nobody answers, or the login is refused.
    pub fn login(address: SocketAddr, user: &str, password: &str) -> Result<Self, Fault> {
        let mut cql = Self::open(address)?;
        if !cql.start_up()? {
            let token = format!("\0{user}\0{password}");
            let mut body = length(token.len()).to_vec();
            body.extend(token.as_bytes());
            cql.ask(AUTH_RESPONSE, &body, &[AUTH_SUCCESS])?;
        }
        Ok(cql)
    }

    /// Whether a node at this address takes clients, with or without a login.
    pub(crate) fn is_spoken_at(address: SocketAddr) -> bool {
        Self::open(address).is_ok_and(|mut cql| cql.ask(OPTIONS, &[], &[SUPPORTED]).is_ok())
    }

    /// Runs a statement at consistency ONE and returns its rows, if it has any.
    ///
    /// # Errors
    /// What Cassandra says against it.
    pub fn run(&mut self, statement: &str) -> Result<Vec<Row>, Fault> {
        self.run_at(statement, CONSISTENCY_ONE)
    }

    /// As [`Cql::run`] at consistency ALL.
    ///
    /// # Errors
    /// As [`Cql::run`], and a replica does not answer.
    pub fn run_everywhere(&mut self, statement: &str) -> Result<Vec<Row>, Fault> {
        self.run_at(statement, CONSISTENCY_ALL)
    }

    fn run_at(&mut self, statement: &str, consistency: u16) -> Result<Vec<Row>, Fault> {
        let mut body = length(statement.len()).to_vec();
        body.extend(statement.as_bytes());
        body.extend(consistency.to_be_bytes());
        body.push(0);
        let (_, answer) = self.ask(QUERY, &body, &[RESULT])?;
        let rows = rows(&mut Reader(&answer));
        rows.ok_or_else(|| Fault::new(format!("the answer to `{statement}` is not one that this reads")))
    }

    fn open(address: SocketAddr) -> Result<Self, Fault> {
        let failed = |error| Fault::new(format!("Cassandra at {address} cannot be reached: {error}"));
        let stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN).map_err(failed)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self { stream, address })
    }

    /// Whether the connection is ready; otherwise a login is wanted.
    fn start_up(&mut self) -> Result<bool, Fault> {
        let mut body = vec![0, 1];
        for text in ["CQL_VERSION", "3.0.0"] {
            body.extend(u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
            body.extend(text.as_bytes());
        }
        let (kind, _) = self.ask(STARTUP, &body, &[READY, AUTHENTICATE])?;
        Ok(kind == READY)
    }

    fn ask(&mut self, kind: u8, body: &[u8], wanted: &[u8]) -> Result<(u8, Vec<u8>), Fault> {
        let (kind, answer) = self
            .exchange(kind, body)
            .map_err(|error| Fault::new(format!("Cassandra at {} does not answer: {error}", self.address)))?;
        if wanted.contains(&kind) {
            return Ok((kind, answer));
        }
        let mut reader = Reader(&answer);
        let said = match (kind, reader.int()) {
            (ERROR, Some(code)) => format!("error {code:#06x}: {}", reader.string().unwrap_or_default()),
            _ => format!("an answer of kind {kind}"),
        };
        Err(Fault::new(format!("Cassandra at {} says {said}", self.address)))
    }

    fn exchange(&mut self, kind: u8, body: &[u8]) -> std::io::Result<(u8, Vec<u8>)> {
        // Version 4, no flags, stream 0: one question at a time.
        let mut frame = vec![4, 0, 0, 0, kind];
        frame.extend(length(body.len()));
        frame.extend(body);
        self.stream.write_all(&frame)?;
        let mut header = [0; 9];
        self.stream.read_exact(&mut header)?;
        let [_, _, _, _, kind, size @ ..] = header;
        let size = u32::from_be_bytes(size) as usize;
        if size > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other(format!("{size} bytes are too many")));
        }
        let mut answer = vec![0; size];
        self.stream.read_exact(&mut answer)?;
        Ok((kind, answer))
    }
}

/// A length as the protocol writes it. What tests send is short.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

/// What is left of an answer.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.bytes(4)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<String> {
        let size = self.short()?;
        Some(String::from_utf8_lossy(self.bytes(usize::from(size))?).into_owned())
    }

    /// Passes over a type of a column. Types that users define are not read.
    fn skip_type(&mut self) -> Option<()> {
        match self.short()? {
            0x00 => self.string().map(drop),
            0x20 | 0x22 => self.skip_type(),
            0x21 => self.skip_type().and_then(|()| self.skip_type()),
            0x31 => (0..self.short()?).try_for_each(|_| self.skip_type()),
            0x30 => None,
            _ => Some(()),
        }
    }
}

/// The rows of a result; an empty list if it is of another kind.
fn rows(reader: &mut Reader<'_>) -> Option<Vec<Row>> {
    if reader.int()? != ROWS {
        return Some(Vec::new());
    }
    let flags = reader.int()?;
    let columns = reader.int()?;
    if flags & 2 != 0 {
        // More pages would follow, which nobody asks for.
        return None;
    }
    let one_table = flags & 1 != 0;
    if one_table {
        reader.string()?;
        reader.string()?;
    }
    for _ in 0..columns {
        if !one_table {
            reader.string()?;
            reader.string()?;
        }
        reader.string()?;
        reader.skip_type()?;
    }
    let count = reader.int()?;
    let cell = |reader: &mut Reader<'_>| match reader.int()? {
        size @ 0.. => Some(Some(reader.bytes(usize::try_from(size).ok()?)?.to_vec())),
        _ => Some(None),
    };
    (0..count).map(|_| (0..columns).map(|_| cell(reader)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_behind_their_types() {
        let mut answer = vec![0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        for text in ["space", "table", "first"] {
            answer.extend([0, text.len() as u8]);
            answer.extend(text.as_bytes());
        }
        // A list of tuples of text and int, then an int.
        answer.extend([0, 0x20, 0, 0x31, 0, 2, 0, 13, 0, 9, 0, 1, b'b', 0, 9]);
        answer.extend([0, 0, 0, 1, 0, 0, 0, 2, 7, 8, 255, 255, 255, 255]);
        assert_eq!(rows(&mut Reader(&answer)), Some(vec![vec![Some(vec![7, 8]), None]]));
        assert_eq!(rows(&mut Reader(&[0, 0, 0, 1])), Some(vec![]), "no rows at all");
        assert_eq!(rows(&mut Reader(&answer[..answer.len() - 1])), None, "an answer that ends too soon");
    }
}
