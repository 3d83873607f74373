//! Gives a connection its socket, its clock and its session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use voxhall_protocol::Extra;
use voxhall_protocol::capture::LOG_TARGET;
use voxhall_protocol::gateway::{Event, GatewayCloseCode, ServerMessage};

use super::compression::{Encoder, Frame};
use super::connection::{Connection, Output, Refusal};
use super::faults::CloseOrder;
use super::hub::{Seat, SessionCell};
use super::outgoing::Outgoing;
use super::socket::{Dead, Dialect, Received, Socket};
use crate::clock;
use crate::control::Core;

/// How long a client may take to make room for one frame.
const SEND_PATIENCE: Duration = Duration::from_secs(15);

/// Bytes that are sent in one go where several messages wait. More would only make the socket's buffer grow.
const BATCH: usize = 16 << 10;

/// How long a client may take to answer a close frame.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(2);

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client ended its session.
    SessionOver,
    /// The session waits to be resumed.
    Resumable,
}

/// Serves one socket to its end.
pub(crate) async fn serve(
    core: Arc<Core>,
    mut socket: impl Socket,
    dialect: Dialect,
    address: Option<SocketAddr>,
) {
    let mut driver = Driver {
        connection: Connection::new(core.config.limits.clone(), clock::now()),
        core,
        encoder: Encoder::new(dialect.compression),
        dialect,
        address,
        fed: 0,
        session: None,
    };
    let end = driver.run(&mut socket).await;
    driver.detach(end).await;
}

struct Driver {
    core: Arc<Core>,
    connection: Connection,
    dialect: Dialect,
    /// Where the client is, for the log.
    address: Option<SocketAddr>,
    encoder: Encoder,
    /// Bytes that the socket was given and has not been told to send.
    fed: usize,
    session: Option<(Arc<SessionCell>, Arc<Seat>)>,
}

impl Driver {
    async fn run(&mut self, socket: &mut impl Socket) -> End {
        let mut draining = self.core.draining.subscribe();
        loop {
            if let Some(order) = self
                .session
                .as_ref()
                .and_then(|(_, seat)| seat.take_close_order())
            {
                return close_as_told(socket, *order).await;
            }
            match self.work(socket).await {
                Ok(None) => {}
                Ok(Some(code)) => return self.say_goodbye(socket, code).await,
                Err(Dead) => return End::Resumable,
            }
            tokio::select! {
                received = socket.receive() => match received {
                    Some(Received::Frame(frame)) => {
                        self.note("client", || String::from_utf8_lossy(&frame).into_owned());
                        self.connection.handle_frame(clock::now(), &frame);
                    }
                    Some(Received::Unreadable(why)) => self.connection.fail(GatewayCloseCode::DecodeFailed, &why),
                    Some(Received::Closed(code)) => return end_by_client(code),
                    None => return End::Resumable,
                },
                () = news(self.session.as_ref()) => {}
                () = clock::sleep_until(self.next_timeout()) => self.connection.handle_timeout(clock::now()),
                Ok(()) = draining.changed() => self.connection.reconnect(),
            }
        }
    }

    /// Does all that there is to do; gives the code if the socket is to be closed.
    async fn work(&mut self, socket: &mut impl Socket) -> Result<Option<GatewayCloseCode>, Dead> {
        loop {
            while let Some(output) = self.connection.poll_output() {
                match output {
                    Output::Close(code) => return self.flush(socket).await.map(|()| Some(code)),
                    Output::Send(ServerMessage::HeartbeatAck) if self.withholds_acks() => {}
                    Output::Send(message) => {
                        self.note("server", || message.encode());
                        let frame = self.encoder.message(message.encode());
                        self.send(socket, frame).await?;
                    }
                    // Rare, and large: boxed, they cost idle connections nothing.
                    output => Box::pin(self.carry_out(output)).await,
                }
            }
            if !self.send_dispatches(socket).await? {
                return Ok(None);
            }
        }
    }

    async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Identify(identify) => {
                let begun = self.core.identify(&self.dialect, &identify).await;
                self.begin(begun);
            }
            Output::Resume(resume) => {
                let resumed = self.core.resume_or_refuse(&resume).await;
                if let Ok((cell, _)) = &resumed {
                    // Comes behind what is replayed.
                    cell.push(Arc::new(Outgoing::to_all(&Event::Resumed(Extra::new()))));
                }
                self.begin(resumed);
            }
            Output::Acknowledge(seq) => {
                if let Some((cell, _)) = &self.session {
                    cell.lock().session.acknowledge(seq);
                }
            }
            Output::TellLimited(limited) => {
                if let Some((cell, _)) = &self.session {
                    cell.push(Arc::new(Outgoing::to_all(&Event::RateLimited(limited))));
                }
            }
            Output::Command(command) => {
                if let Some((cell, _)) = self.session.clone() {
                    self.core.command(&cell, command).await;
                }
            }
            // Those two are the socket's.
            Output::Send(_) | Output::Close(_) => {}
        }
    }

    fn withholds_acks(&self) -> bool {
        let user = self.session.as_ref().map(|(cell, _)| cell.profile.user);
        user.is_some_and(|user| self.core.hub.faults.withholds_acks(user))
    }

    fn begin(&mut self, outcome: Result<(Arc<SessionCell>, Arc<Seat>), Refusal>) {
        match outcome {
            Ok(session) => {
                self.session = Some(session);
                self.connection.accepted();
            }
            Err(refusal) => self.connection.refused(clock::now(), refusal),
        }
    }

    /// Sends the dispatches that wait; says whether there may be more to do.
    async fn send_dispatches(&mut self, socket: &mut impl Socket) -> Result<bool, Dead> {
        let Some((cell, seat)) = self.session.clone() else {
            return self.flush(socket).await.map(|()| false);
        };
        loop {
            let next = {
                let mut held = cell.lock();
                if let Some(code) = held.closing().filter(|_| held.is_at(&seat)) {
                    self.connection.close(code);
                    return Ok(true);
                }
                // Otherwise another socket has taken the session over.
                held.is_at(&seat).then(|| held.session.take(clock::now()))
            };
            match next {
                Some(Ok(Some((seq, event)))) => {
                    self.note("server", || event.event().with_seq(seq));
                    let frame = self.encoder.dispatch(seq, &event).map_err(|error| {
                        tracing::error!(%error, "a message cannot be compressed");
                        Dead
                    })?;
                    self.send(socket, frame).await?;
                }
                Some(Ok(None)) => {
                    self.flush(socket).await?;
                    cell.lock().session.written(clock::now());
                    return Ok(false);
                }
                None | Some(Err(_)) => {
                    self.connection.close(GatewayCloseCode::UnknownError);
                    return Ok(true);
                }
            }
        }
    }

    /// For a log of messages, if somebody keeps one.
    fn note(&self, sender: &'static str, message: impl FnOnce() -> String) {
        let peer = self.address.map(tracing::field::display);
        tracing::trace!(target: LOG_TARGET, gateway = "main", sender, peer, message = message());
    }

    /// Gives the socket a frame, which goes out with those before and behind it, or at the next [`Self::flush`].
    async fn send(&mut self, socket: &mut impl Socket, frame: Frame) -> Result<(), Dead> {
        self.fed += frame.len();
        self.in_time(socket.feed(frame)).await?;
        if self.fed >= BATCH {
            self.flush(socket).await?;
        }
        Ok(())
    }

    /// Has the socket send what it was given.
    async fn flush(&mut self, socket: &mut impl Socket) -> Result<(), Dead> {
        if std::mem::take(&mut self.fed) == 0 {
            return Ok(());
        }
        self.in_time(socket.flush()).await
    }

    async fn in_time(&self, sending: impl Future<Output = Result<(), Dead>>) -> Result<(), Dead> {
        timeout(SEND_PATIENCE, sending).await.map_err(|_| {
            let address = self.address.map(tracing::field::display);
            tracing::info!(address, "a Gateway client does not take what it is sent");
            Dead
        })?
    }

    fn next_timeout(&self) -> Option<std::time::Instant> {
        let held_back = self
            .session
            .as_ref()
            .and_then(|(cell, _)| cell.lock().session.poll_timeout());
        self.connection.poll_timeout().into_iter().chain(held_back).min()
    }

    /// Closes the socket and waits a little for the client's own close frame, without which some clients report a
    /// broken connection in place of the code.
    async fn say_goodbye(&mut self, socket: &mut impl Socket, code: GatewayCloseCode) -> End {
        self.log_close(code);
        let goodbye = async {
            socket.close(code, code.name()).await;
            while let Some(Received::Frame(_)) = socket.receive().await {}
        };
        let _ = timeout(GOODBYE_PATIENCE, goodbye).await;
        End::Resumable
    }

    /// Says in the log who was closed for a fault of its own, and for which.
    fn log_close(&self, code: GatewayCloseCode) {
        let session = self.session.as_ref().map(|(cell, _)| cell);
        let address = self.address.map(tracing::field::display);
        let user = session.map(|cell| cell.profile.user.0);
        let session = session.map(|cell| cell.id.as_str());
        if code == GatewayCloseCode::UnknownError {
            // Taken over by another socket, or too far behind: part of losing and regaining a network.
            tracing::debug!(address, user, session, "a Gateway socket lost its session");
        } else {
            tracing::info!(
                address,
                user,
                session,
                code = code.number(),
                name = code.name(),
                fault = self.connection.fault(),
                "closed a Gateway socket"
            );
        }
    }

    async fn detach(&mut self, end: End) {
        let Some((cell, seat)) = self.session.take() else {
            return;
        };
        if cell.detach(&seat) {
            match end {
                End::SessionOver => self.core.end_session(&cell.id).await,
                End::Resumable => self.core.session_detached(&cell.id),
            }
        }
    }
}

/// Closes a socket for those who test what a client does about that. The session waits to be resumed, unless the code
/// says that it is over.
async fn close_as_told(socket: &mut impl Socket, order: CloseOrder) -> End {
    let Some(code) = order.code.map(GatewayCloseCode::from) else {
        return End::Resumable;
    };
    tracing::info!(code = code.number(), "a Gateway socket is closed by a fault");
    let goodbye = async {
        socket.close(code, &order.reason).await;
        while let Some(Received::Frame(_)) = socket.receive().await {}
    };
    let _ = timeout(GOODBYE_PATIENCE, goodbye).await;
    if code.may_resume() {
        End::Resumable
    } else {
        End::SessionOver
    }
}

fn end_by_client(code: Option<GatewayCloseCode>) -> End {
    match code {
        Some(code) if code.ends_session() => End::SessionOver,
        _ => End::Resumable,
    }
}

/// Waits until the session has something new.
async fn news(session: Option<&(Arc<SessionCell>, Arc<Seat>)>) {
    match session {
        Some((_, seat)) => seat.wake.notified().await,
        None => std::future::pending().await,
    }
}

/// Closes a socket whose address asks for a version or an encoding that is not spoken here.
pub(crate) async fn refuse(mut socket: impl Socket, address: Option<SocketAddr>) {
    let address = address.map(tracing::field::display);
    tracing::info!(
        address,
        "refused a Gateway socket: its address asks for another version or encoding"
    );
    let code = GatewayCloseCode::InvalidApiVersion;
    socket.close(code, code.name()).await;
    let _ = timeout(GOODBYE_PATIENCE, socket.receive()).await;
}
