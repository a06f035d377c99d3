//! The life of one connection over any transport: CONNECT, session, goodbye. One task, two halves: reading never waits
//! for writing, and a write that is stuck never keeps outcomes from coming in.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::v5;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::codec::Encoder;

use crate::broker::{Broker, Registration};
use crate::counters::count_many;
use crate::greeting::{self, Greeting, Rejection};
use crate::link::Link;
use crate::message::Version;
use crate::packet::Input;
use crate::reason::Reason;
use crate::session::Session;

/// Most bytes thrown away after the goodbye, so that a reset does not overtake it.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// When the writer is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Never by itself.
    Failure,
    /// When no publish waits for its acknowledgement any more.
    Settled,
}

/// Runs one connection to its end and counts the end. `waiting` is its place among those without a CONNECT.
pub(crate) async fn run<T, W>(broker: Arc<Broker>, io: T, ip: IpAddr, waiting: W)
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut input = Input::default();
    let limits = broker.limits();
    // Boxed so that the state of reading a CONNECT is not carried through the whole session.
    let greeted = Box::pin(greet(&broker, &mut input, &mut reader)).await;
    drop(waiting);
    let entered = match greeted {
        Ok(greeting) => {
            let patience = greeting.keep_alive + greeting.keep_alive / 2;
            Box::pin(broker.register(greeting, ip)).await.map(|registration| (registration, patience))
        }
        Err(rejection) => Err(rejection),
    };
    match entered {
        Err(rejection) => {
            broker.note(rejection.reason, ip, None);
            Box::pin(turn_away(rejection, reader, writer, limits.farewell_timeout)).await;
        }
        Ok((registration, patience)) => {
            let link = Arc::clone(registration.link());
            let mut out = BytesMut::new();
            let reason = attend(&broker, &link, patience, &mut input, &mut reader, &mut writer, &mut out).await;
            Box::pin(leave(&broker, registration, reason, ip, out, reader, writer)).await;
        }
    }
}

/// The CONNECT, or why it did not come.
async fn greet<R>(broker: &Broker, input: &mut Input, reader: &mut R) -> Result<Greeting, Rejection>
where
    R: AsyncRead + Unpin,
{
    let limits = broker.limits();
    tokio::select! {
        () = broker.stopping().cancelled() => Err(Reason::Stopping.into()),
        () = tokio::time::sleep(limits.connect_timeout) => Err(Reason::ConnectTimeout.into()),
        greeting = greeting::read(input, reader, limits, broker.own()) => greeting,
    }
}

/// The session, until something ends it.
async fn attend<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    broker: &Arc<Broker>,
    link: &Arc<Link>,
    patience: Duration,
    input: &mut Input,
    reader: &mut R,
    writer: &mut W,
    out: &mut BytesMut,
) -> Reason {
    let mut session = Session::new(Arc::clone(broker), Arc::clone(link));
    tokio::select! {
        biased;
        reason = link.ended() => reason,
        reason = write(broker, link, out, writer, Until::Failure) => reason,
        () = link.silent_for(patience) => Reason::KeepAlive,
        reason = session.run(input, reader) => reason,
    }
}

/// Writes what there is, once per wake-up. Can be dropped at any time: what is not written stays in `out`.
async fn write<W: AsyncWrite + Unpin>(
    broker: &Broker,
    link: &Link,
    out: &mut BytesMut,
    writer: &mut W,
    until: Until,
) -> Reason {
    let stall_max = broker.limits().write_stall_max;
    loop {
        let gathered = link.gather(out);
        while !out.is_empty() {
            match timeout(stall_max, writer.write_buf(out)).await {
                Err(_) => return Reason::NotReading,
                Ok(Ok(0) | Err(_)) => return Reason::PeerClosed,
                Ok(Ok(written)) => count_many(&broker.tally().bytes_out, written),
            }
        }
        *out = BytesMut::new();
        if let Err(reason) = gathered {
            return reason;
        }
        if until == Until::Settled && link.is_settled() {
            return Reason::Stopped;
        }
        link.to_write().await;
    }
}

/// Everything after the session: others are told first, then the client.
async fn leave<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    broker: &Arc<Broker>,
    registration: Registration,
    reason: Reason,
    ip: IpAddr,
    mut out: BytesMut,
    reader: R,
    mut writer: W,
) {
    let link = Arc::clone(registration.link());
    link.close(reason);
    if reason == Reason::Stopped {
        let grace = broker.limits().stop_grace;
        let _ = timeout(grace, write(broker, &link, &mut out, &mut writer, Until::Settled)).await;
    }
    drop(registration);
    broker.part(&link, reason);
    broker.note(reason, ip, Some(&link.client));
    let will = link.take_will().filter(|_| reason.publishes_will());
    if let Some(will) = &will {
        broker.fan_out(will, None);
    }
    let farewell = async {
        if reason != Reason::PeerClosed {
            // Outcomes that came in the meantime are still worth their acknowledgement.
            let _ = link.gather(&mut out);
            say_goodbye(&link, reason, &mut out);
            let _ = timeout(broker.limits().farewell_timeout, part(out, reader, writer)).await;
        }
    };
    let last_words = async {
        if let Some(will) = will {
            broker.deliver_will(&link.client, will).await;
        }
    };
    // The will first, so that what a client says after it came back is not overtaken by its own will.
    tokio::join!(last_words, farewell);
}

fn say_goodbye(link: &Link, reason: Reason, out: &mut BytesMut) {
    let asked_for = matches!(reason, Reason::Disconnected | Reason::DisconnectedWithWill);
    if link.version == Version::V3 || asked_for {
        return;
    }
    let mut disconnect = v5::Disconnect::new(reason.disconnect_code());
    // A client that takes only small packets gets the code alone.
    let sentence = Some(reason.sentence()).filter(|sentence| sentence.len() + 16 <= link.packet_bytes_max);
    disconnect.reason_string = sentence.map(ByteString::from_static);
    // Encoding without a size limit cannot fail.
    let _ = v5::Codec::new(0, 0).encode(v5::Packet::Disconnect(disconnect), out);
}

async fn turn_away<R, W>(rejection: Rejection, reader: R, writer: W, limit: Duration)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut out = BytesMut::new();
    greeting::refuse(rejection, &mut out);
    let _ = timeout(limit, part(out, reader, writer)).await;
}

/// Writes the last bytes, then reads until the other side closes: closing on unread bytes would send a reset, which
/// may throw away the goodbye before it is read.
async fn part<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(mut out: BytesMut, mut reader: R, mut writer: W) {
    if writer.write_all_buf(&mut out).await.is_err() || writer.shutdown().await.is_err() {
        return;
    }
    let mut thrown_away = 0;
    let mut bytes = [0; 1024];
    while thrown_away < LINGER_BYTES_MAX {
        match reader.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(read) => thrown_away += read,
        }
    }
}
