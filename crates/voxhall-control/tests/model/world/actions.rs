//! The carrying out of actions: what devices send, and what people and owners of guilds ask for over REST.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{ADMIN_TOKEN, World};
use crate::actions::{Action, Deed, Flags, Target};
use crate::check::{Outcome, broken};
use crate::clock::awake;
use crate::streams::{StreamId, stream_key};
use crate::town::{GUILDS, Kind, REGIONS, ROOMS, channel_id, crowd_id, guild_id, user_id};

impl World {
    /// Does it, to the real one and to the model.
    pub(super) async fn act(&mut self, action: Action) -> Outcome {
        match action {
            Action::Connect(device) if self.is_free(device) => self.connect(device).await?,
            Action::Resume(device) => self.resume(device).await?,
            Action::Close(device) if self.is_on(device) => {
                self.model.close(device);
                if let Some(client) = self.clients.get_mut(&device) {
                    client.say_goodbye().await;
                }
            }
            Action::Die(device) if self.is_on(device) => {
                self.model.die(device);
                if let Some(client) = self.clients.get_mut(&device) {
                    client.die();
                }
            }
            Action::Join(device, room, flags) if self.is_on(device) => {
                self.model.join(device, room, flags);
                self.add_sight();
                self.op4(device, ROOMS[room].guild, Some(room), flags).await;
            }
            Action::JoinWrongly(device, room) if self.is_on(device) => {
                let wrong = match ROOMS[room].guild {
                    Some(guild) => 1 - guild,
                    None => 0,
                };
                let flags = Flags::default();
                self.op4(device, Some(wrong), Some(room), flags).await;
            }
            Action::Leave(device, guild) if self.is_on(device) => {
                self.model.leave_by(device, guild);
                self.op4(device, guild, None, Flags::default()).await;
            }
            Action::CallConnect(device, room) if self.is_on(device) => {
                self.model.call_connect(device, room);
                let data = json!({"channel_id": channel_id(room).to_string()});
                self.send(device, json!({"op": 13, "d": data})).await;
            }
            Action::GoLive(device, _)
            | Action::Watch(device, _)
            | Action::StopStream(device, _)
            | Action::PauseStream(device, _)
                if self.is_on(device) =>
            {
                self.act_on_streams(action).await;
            }
            Action::Overtake => self.board.overtake_next(),
            Action::NodeLost(node) if self.model.nodes.contains(&node) => {
                let calls = self.private_calls_on(node).await;
                self.model.node_lost(node, &calls);
                self.add_sight();
                self.lose(node).await;
            }
            Action::NodeBack(node) => {
                self.model.node_back(node);
                self.register(node).await;
            }
            Action::Links(room, up) => self.link(room, up).await,
            _ => self.act_over_rest(action).await?,
        }
        Ok(())
    }

    async fn act_on_streams(&mut self, action: Action) {
        let (device, message, refused) = match action {
            Action::GoLive(device, named) => {
                let Some(room) = named.or_else(|| self.model.place_of(device)) else {
                    return;
                };
                let (kind, guild) = match ROOMS[room].guild {
                    Some(guild) => ("guild", Some(guild_id(guild).to_string())),
                    None => ("call", None),
                };
                let channel = channel_id(room).to_string();
                let data = json!({"type": kind, "guild_id": guild, "channel_id": channel});
                let refused = self.model.go_live(device, room);
                (device, json!({"op": 18, "d": data}), refused)
            }
            Action::Watch(device, named) => {
                let Some(stream) = named.or_else(|| self.model.stream_near(device, false)) else {
                    return;
                };
                let refused = self.model.watch(device, stream);
                (device, about(20, stream), refused)
            }
            Action::StopStream(device, named) => {
                let Some(stream) = named.or_else(|| self.model.stream_near(device, true)) else {
                    return;
                };
                self.model.stop_stream(device, stream);
                (device, about(19, stream), None)
            }
            Action::PauseStream(device, paused) => {
                let Some(stream) = self.model.stream_near(device, true) else {
                    return;
                };
                self.model.pause_stream(device, stream, paused);
                let mut message = about(22, stream);
                message["d"]["paused"] = json!(paused);
                (device, message, None)
            }
            _ => return,
        };
        self.refusals.entry(device).or_default().extend(refused);
        self.send(device, message).await;
    }

    async fn act_over_rest(&mut self, action: Action) -> Outcome {
        match action {
            Action::Ring(who, room, whom) => {
                let allowed = self.model.ring(who, room, whom);
                self.call_request(allowed, who, room, "ring", whom).await
            }
            Action::StopRinging(who, room, whom) => {
                let allowed = self.model.stop_ringing(who, room, whom);
                self.call_request(allowed, who, room, "stop-ringing", whom).await
            }
            Action::CallRegion(who, room, region) => {
                let allowed = self.model.call_region(who, room);
                let path = format!("channels/{}/call", channel_id(room));
                self.request(allowed, who, "PATCH", &path, json!({"region": REGIONS[region]}))
                    .await
            }
            Action::Moderate(by, guild, who, deed) => self.moderate(by, guild, who, deed).await,
            Action::Move(by, who, to) => {
                let Some(guild) = ROOMS[to].guild.filter(|_| self.model.sees(who, to)) else {
                    return Ok(());
                };
                let allowed = self.model.carry(by, who, to);
                let change = json!({"channel_id": channel_id(to).to_string()});
                self.request(allowed, by, "PATCH", &member(guild, who), change)
                    .await
            }
            Action::Suppress(who, suppress) => {
                let stage = (0..ROOMS.len())
                    .find(|room| ROOMS[*room].kind == Kind::Stage)
                    .expect("a stage");
                let guild = ROOMS[stage].guild.expect("the guild of a stage");
                let allowed = self.model.suppress(guild, who, suppress);
                let path = format!("guilds/{}/voice-states/{}", guild_id(guild), user_id(who));
                let change = json!({"channel_id": channel_id(stage).to_string(), "suppress": suppress});
                self.request(allowed, GUILDS[guild].owner, "PATCH", &path, change)
                    .await
            }
            _ => self.administer(action).await,
        }
    }

    async fn call_request(
        &self,
        allowed: bool,
        who: usize,
        room: usize,
        what: &str,
        whom: Option<usize>,
    ) -> Outcome {
        let path = format!("channels/{}/call/{what}", channel_id(room));
        let body = match whom {
            Some(whom) => json!({"recipients": [user_id(whom).to_string()]}),
            None => json!({}),
        };
        self.request(allowed, who, "POST", &path, body).await
    }

    async fn moderate(&mut self, by: usize, guild: usize, who: usize, deed: Deed) -> Outcome {
        let path = member(guild, who);
        match deed {
            Deed::Mute(mute) => {
                let allowed = self.model.mute(by, guild, who, mute);
                self.request(allowed, by, "PATCH", &path, json!({"mute": mute}))
                    .await
            }
            Deed::Deafen(deaf) => {
                let allowed = self.model.deafen(by, guild, who, deaf);
                self.request(allowed, by, "PATCH", &path, json!({"deaf": deaf}))
                    .await
            }
            Deed::Disconnect => {
                let allowed = self.model.disconnect(by, guild, who);
                self.request(allowed, by, "PATCH", &path, json!({"channel_id": null}))
                    .await
            }
            Deed::Kick => {
                let allowed = self.model.throw_out(by, guild, who, false);
                self.request(allowed, by, "DELETE", &path, Value::Null).await
            }
            Deed::Ban => {
                let allowed = self.model.throw_out(by, guild, who, true);
                self.request(allowed, by, "PUT", &ban(guild, who), json!({}))
                    .await
            }
        }
    }

    /// What owners do to their guilds, and the operator.
    async fn administer(&mut self, action: Action) -> Outcome {
        match action {
            Action::Rejoin(guild, who) if !self.model.guilds[guild].members.contains_key(&who) => {
                self.model.rejoin(guild, who);
                self.add_sight();
                let owner = &self.tokens[GUILDS[guild].owner];
                self.exchange(
                    "DELETE",
                    &format!("/api/v10/{}", ban(guild, who)),
                    owner,
                    &Value::Null,
                )
                .await;
                let path = format!("/admin/guilds/{}/members/{}", guild_id(guild), user_id(who));
                let status = self.exchange("PUT", &path, ADMIN_TOKEN, &Value::Null).await;
                accepted(true, status, &path)
            }
            Action::Except(room, target, allow, deny)
                if self.is_changeable(room) && ROOMS[room].kind != Kind::Afk =>
            {
                let guild = ROOMS[room].guild.expect("a channel of a guild");
                if matches!(target, Target::Member(who) if !self.model.guilds[guild].members.contains_key(&who))
                {
                    return Ok(());
                }
                self.model.except(room, target, allow, deny);
                self.add_sight();
                let (kind, target) = match target {
                    Target::Everyone => (0, guild_id(guild)),
                    Target::Crowd => (0, crowd_id(guild)),
                    Target::Member(who) => (1, user_id(who)),
                };
                let path = format!("channels/{}/permissions/{target}", channel_id(room));
                let body = json!({"type": kind, "allow": allow.to_string(), "deny": deny.to_string()});
                self.request(true, GUILDS[guild].owner, "PUT", &path, body).await
            }
            Action::Crowd(guild, who, belongs) if self.model.guilds[guild].members.contains_key(&who) => {
                self.model.crowd(guild, who, belongs);
                self.add_sight();
                let method = if belongs { "PUT" } else { "DELETE" };
                let path = format!("{}/roles/{}", member(guild, who), crowd_id(guild));
                self.request(true, GUILDS[guild].owner, method, &path, Value::Null)
                    .await
            }
            Action::Rights(guild, everyone, rights) => {
                self.model.rights(guild, everyone, rights);
                self.add_sight();
                let role = if everyone {
                    guild_id(guild)
                } else {
                    crowd_id(guild)
                };
                let path = format!("guilds/{}/roles/{role}", guild_id(guild));
                let body = json!({"permissions": rights.to_string()});
                self.request(true, GUILDS[guild].owner, "PATCH", &path, body)
                    .await
            }
            Action::Limit(room, limit) if self.is_changeable(room) && ROOMS[room].kind != Kind::Text => {
                self.model.limit(room, limit);
                self.change_channel(room, "PATCH", json!({"user_limit": limit}))
                    .await
            }
            Action::ChannelRegion(room, region)
                if self.is_changeable(room) && ROOMS[room].kind != Kind::Text =>
            {
                let region = region.map(|region| REGIONS[region]);
                self.change_channel(room, "PATCH", json!({"rtc_region": region}))
                    .await
            }
            Action::Delete(room) if self.is_changeable(room) => {
                self.model.delete(room);
                self.change_channel(room, "DELETE", Value::Null).await
            }
            _ => Ok(()),
        }
    }

    fn is_changeable(&self, room: usize) -> bool {
        ROOMS[room].guild.is_some() && !self.model.gone.contains(&room)
    }

    async fn change_channel(&self, room: usize, method: &str, body: Value) -> Outcome {
        let guild = ROOMS[room].guild.expect("a channel of a guild");
        let path = format!("channels/{}", channel_id(room));
        self.request(true, GUILDS[guild].owner, method, &path, body).await
    }

    async fn request(&self, allowed: bool, by: usize, method: &str, path: &str, body: Value) -> Outcome {
        let path = format!("/api/v10/{path}");
        let status = self.exchange(method, &path, &self.tokens[by], &body).await;
        accepted(allowed, status, &format!("{method} {path} by {by}"))
    }

    async fn exchange(&self, method: &str, path: &str, token: &str, body: &Value) -> u16 {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "voice.example")
            .header(header::AUTHORIZATION, token)
            .body(Body::from(body))
            .expect("a request");
        let answer = awake(self.router.clone().oneshot(request))
            .await
            .expect("an answer");
        answer.status().as_u16()
    }
}

/// Ops 19, 20 and 22.
fn about(op: u8, stream: StreamId) -> Value {
    json!({"op": op, "d": {"stream_key": stream_key(stream)}})
}

fn member(guild: usize, who: usize) -> String {
    format!("guilds/{}/members/{}", guild_id(guild), user_id(who))
}

fn ban(guild: usize, who: usize) -> String {
    format!("guilds/{}/bans/{}", guild_id(guild), user_id(who))
}

fn accepted(allowed: bool, status: u16, what: &str) -> Outcome {
    if allowed == (status < 400) {
        Ok(())
    } else {
        broken(
            "requests are granted to those who may",
            format!("{what}: {status}"),
        )
    }
}
